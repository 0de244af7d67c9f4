using Attention.Positions;

namespace Attention.Backends;

/// <summary>How rotary positions turn a head.</summary>
/// <param name="Table">The angles.</param>
/// <param name="Layout">Which numbers are pairs.</param>
public readonly record struct Rotation(RotaryTable Table, RotaryLayout Layout);
