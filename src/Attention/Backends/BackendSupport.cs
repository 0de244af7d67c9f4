namespace Attention.Backends;

/// <summary>Whether a backend offers a computation.</summary>
public readonly record struct BackendSupport
{
    /// <summary>It does.</summary>
    public static BackendSupport Yes { get; } = new() { IsSupported = true };

    /// <summary>Whether it does.</summary>
    public bool IsSupported { get; private init; }

    /// <summary>Why not; null where it does.</summary>
    public string? Reason { get; private init; }

    /// <summary>It does not.</summary>
    /// <param name="reason">Why, for the message of an exception.</param>
    public static BackendSupport No(string reason) => new() { Reason = reason };

    /// <summary>Throws where it does not.</summary>
    /// <exception cref="NotSupportedException">The computation is not offered; the message says why.</exception>
    public void Require()
    {
        if (!IsSupported)
        {
            throw new NotSupportedException(Reason);
        }
    }
}
