using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Attention;

/// <summary>Every exception of the library, thrown from methods of their own so that callers stay small.</summary>
[StackTraceHidden]
internal static class Throw
{
    /// <summary>The argument is wrong: what it was and what was expected.</summary>
    [DoesNotReturn]
    internal static void Argument(string parameter, string message) => throw new ArgumentException(message, parameter);

    /// <summary>The argument lies outside of its range.</summary>
    [DoesNotReturn]
    internal static void OutOfRange(string parameter, object? value, string message) =>
        throw new ArgumentOutOfRangeException(parameter, value, message);
}
