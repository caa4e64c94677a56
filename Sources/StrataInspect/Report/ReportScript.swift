/// What makes a report's tables sort and its diagrams unfold at once. Without it the page can still be read: tables keep
/// their order, and single blocks unfold by themselves.
enum ReportScript {
  static let javaScript = """

    'use strict';
    window.addEventListener('error', event => {
      document.documentElement.dataset.error = event.message || 'error';
    });
    for (const table of document.querySelectorAll('table.sorts')) {
      const heads = [...table.tHead.rows[0].cells];
      const body = table.tBodies[0];
      heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
        const isText = head.dataset.kind === 'text';
        const isFalling = (head.getAttribute('aria-sort') || (isText ? 'descending' : 'ascending')) === 'ascending';
        const key = row => row.cells[column].dataset.value;
        const order = (a, b) => isText ? key(a).localeCompare(key(b), 'en', { numeric: true }) : key(a) - key(b);
        const rows = [...body.rows].sort((a, b) => isFalling ? order(b, a) : order(a, b));
        body.append(...rows);
        for (const other of heads) { other.removeAttribute('aria-sort'); }
        head.setAttribute('aria-sort', isFalling ? 'descending' : 'ascending');
      }));
    }
    for (const button of document.querySelectorAll('button[data-fold]')) {
      button.hidden = false;
      button.addEventListener('click', () => {
        const isOpen = button.dataset.fold === 'open';
        for (const block of button.closest('section').querySelectorAll('details')) { block.open = isOpen; }
      });
    }
    document.documentElement.dataset.ready = 'yes';

    """
}
