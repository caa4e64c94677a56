import StrataCore

// Functions of each element by itself. Those that are real by nature turn integers into float32, as in PyTorch.

extension Tensor {
  /// e to the power of each element (`torch.exp`).
  public func exp() -> Tensor { real(.exp) }
  /// The natural logarithm (`torch.log`).
  public func log() -> Tensor { real(.log) }
  /// The square root (`torch.sqrt`).
  public func sqrt() -> Tensor { real(.sqrt) }
  /// One over the square root (`torch.rsqrt`).
  public func rsqrt() -> Tensor { real(.rsqrt) }
  /// The sine (`torch.sin`).
  public func sin() -> Tensor { real(.sin) }
  /// The cosine (`torch.cos`).
  public func cos() -> Tensor { real(.cos) }
  /// The error function (`torch.erf`).
  public func erf() -> Tensor { real(.erf) }
  /// The hyperbolic tangent (`torch.tanh`).
  public func tanh() -> Tensor { asReal.activation(.tanh) }
  /// One over one plus e to the power of the opposite (`torch.sigmoid`).
  public func sigmoid() -> Tensor { asReal.activation(.sigmoid) }

  /// The distance from zero (`torch.abs`).
  public func abs() -> Tensor { Tensor.apply(.unary(.absolute), [self]) }
  /// The product with itself (`torch.square`).
  public func square() -> Tensor { Tensor.apply(.unary(.square), [dtype == .bool ? to(.int64) : self]) }
  /// The largest whole number that is not greater (`torch.floor`).
  public func floor() -> Tensor { Tensor.apply(.unary(.floor), [self]) }
  /// The smallest whole number that is not less (`torch.ceil`).
  public func ceil() -> Tensor { Tensor.apply(.unary(.ceil), [self]) }
  /// The nearest whole number, of two the even one (`torch.round`).
  public func round() -> Tensor { Tensor.apply(.unary(.round), [self]) }
  /// −1, 0 or 1 (`torch.sign`).
  public func sign() -> Tensor { Tensor.apply(.unary(.sign), [self]) }
  /// Where elements are no numbers (`torch.isnan`).
  public func isNaN() -> Tensor { Tensor.apply(.unary(.isNaN), [self]) }
  /// Where elements are neither infinite nor NaN (`torch.isfinite`).
  public func isFinite() -> Tensor { Tensor.apply(.unary(.isFinite), [self]) }
  /// Where elements are false, or zero (`torch.logical_not`).
  public func logicalNot() -> Tensor { Tensor.apply(.unary(.logicalNot), [self]) }

  /// Limits values to a range that is open where a bound is left out (`torch.clamp`).
  public func clamp(min low: Double? = nil, max high: Double? = nil) -> Tensor {
    if dtype.isFloatingPoint {
      return Tensor.apply(.clamp(low: low ?? -.infinity, high: high ?? .infinity), [self])
    }
    // Integers know no infinity to stand for an open end. The upper bound comes last, for it wins in PyTorch.
    let raised = low.map { maximum($0) } ?? self
    return high.map { raised.minimum($0) } ?? raised
  }

  /// The operand as floating-point numbers.
  var asReal: Tensor { dtype.isFloatingPoint ? self : to(.float32) }

  private func real(_ function: Unary) -> Tensor { Tensor.apply(.unary(function), [asReal]) }
}

// Functions of two operands, which broadcast and promote as those of the operators do.
extension Tensor {
  /// Each element to the power of the other's (`torch.pow`).
  public func pow(_ exponent: Tensor) -> Tensor { Tensor.combine(.power, self, exponent) }
  /// Each element to the power of a number.
  public func pow(_ exponent: Double) -> Tensor {
    if exponent == 2 { return square() }
    if exponent < 0, exponent == exponent.rounded(), error == nil, !dtype.isFloatingPoint {
      return .mistake("integers have no whole negative powers, got \(type) and \(exponent.brief)")
    }
    return Tensor.combine(.power, self, exponent)
  }

  /// The quotient rounded down (`torch.floor_divide`).
  public func floorDivide(_ other: Tensor) -> Tensor { Tensor.combine(.floorDivide, self, other) }
  /// The quotient by a number, rounded down.
  public func floorDivide(_ other: Double) -> Tensor { Tensor.combine(.floorDivide, self, other) }

  /// What a division that rounds down leaves, with the divisor's sign (`torch.remainder`).
  public func remainder(_ other: Tensor) -> Tensor { Tensor.combine(.remainder, self, other) }
  /// What a division by a number that rounds down leaves.
  public func remainder(_ other: Double) -> Tensor { Tensor.combine(.remainder, self, other) }

  /// The lesser of two elements, NaN where one is (`torch.minimum`).
  public func minimum(_ other: Tensor) -> Tensor { Tensor.combine(.minimum, self, other) }
  /// The lesser of each element and a number.
  public func minimum(_ other: Double) -> Tensor { Tensor.combine(.minimum, self, other) }

  /// The greater of two elements, NaN where one is (`torch.maximum`).
  public func maximum(_ other: Tensor) -> Tensor { Tensor.combine(.maximum, self, other) }
  /// The greater of each element and a number.
  public func maximum(_ other: Double) -> Tensor { Tensor.combine(.maximum, self, other) }

  /// Where both are true, or not zero (`torch.logical_and`).
  public func logicalAnd(_ other: Tensor) -> Tensor { Tensor.combine(.logicalAnd, self, other) }
  /// Where one or both are true, or not zero (`torch.logical_or`).
  public func logicalOr(_ other: Tensor) -> Tensor { Tensor.combine(.logicalOr, self, other) }

  /// Where elements are equal (`torch.eq`).
  public func equal(to other: Tensor) -> Tensor { self .== other }
  /// Where elements equal a number.
  public func equal(to other: Double) -> Tensor { self .== other }
  /// Where elements differ (`torch.ne`).
  public func notEqual(to other: Tensor) -> Tensor { self .!= other }
  /// Where elements differ from a number.
  public func notEqual(to other: Double) -> Tensor { self .!= other }
  /// Where elements are less (`torch.lt`).
  public func less(than other: Tensor) -> Tensor { self .< other }
  /// Where elements are less than a number.
  public func less(than other: Double) -> Tensor { self .< other }
  /// Where elements are less or equal (`torch.le`).
  public func lessOrEqual(to other: Tensor) -> Tensor { self .<= other }
  /// Where elements are at most a number.
  public func lessOrEqual(to other: Double) -> Tensor { self .<= other }
  /// Where elements are greater (`torch.gt`).
  public func greater(than other: Tensor) -> Tensor { self .> other }
  /// Where elements are greater than a number.
  public func greater(than other: Double) -> Tensor { self .> other }
  /// Where elements are greater or equal (`torch.ge`).
  public func greaterOrEqual(to other: Tensor) -> Tensor { self .>= other }
  /// Where elements are at least a number.
  public func greaterOrEqual(to other: Double) -> Tensor { self .>= other }
}

extension Tensor {
  /// Elements of `a` where the condition holds, of `b` elsewhere (`torch.where`).
  public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    let dtype = a.dtype.promoted(isScalar: a.rank == 0, with: b.dtype, isScalar: b.rank == 0)
    return apply(.select, [condition.to(.bool), a.to(dtype), b.to(dtype)])
  }

  /// Elements of `a` where the condition holds, a number elsewhere.
  public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Double) -> Tensor {
    `where`(condition, a, number(b, a.dtype.promoted(with: b)))
  }

  /// A number where the condition holds, elements of `b` elsewhere.
  public static func `where`(_ condition: Tensor, _ a: Double, _ b: Tensor) -> Tensor {
    `where`(condition, number(a, b.dtype.promoted(with: a)), b)
  }

  /// A number in place of the elements where the mask holds (`torch.Tensor.masked_fill`).
  public func maskedFill(_ mask: Tensor, _ value: Double) -> Tensor { Tensor.where(mask, value, self) }
}
