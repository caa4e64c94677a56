// One import gives a program everything: `import Strata`. The CPU engine is linked in with it and is
// found by the first evaluation.
@_exported import StrataCore
@_exported import StrataData
@_exported import StrataDeploy
@_exported import StrataDistributed
@_exported import StrataFormats
@_exported import StrataGraph
@_exported import StrataInspect
@_exported import StrataModels
@_exported import StrataNN
@_exported import StrataOneDNN
@_exported import StrataPasses
@_exported import StrataRuntime
@_exported import StrataTraining
