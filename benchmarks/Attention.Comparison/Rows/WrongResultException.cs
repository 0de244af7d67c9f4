namespace Attention.Comparison.Rows;

/// <summary>The library computed something else than it should; the row is not timed.</summary>
internal sealed class WrongResultException(string message) : Exception(message);
