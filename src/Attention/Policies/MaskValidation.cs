namespace Attention.Policies;

/// <summary>What <see cref="MaskValidator"/> found.</summary>
public sealed class MaskValidation
{
    internal MaskValidation(bool isValid, string message)
    {
        IsValid = isValid;
        Message = message;
    }

    /// <summary>True if no contradiction was found.</summary>
    public bool IsValid { get; }

    /// <summary>
    /// The first contradiction in words: what was asked, what was said, and the pair that says otherwise; or how much was
    /// compared.
    /// </summary>
    public string Message { get; }

    /// <summary>Throws if the mask contradicts itself.</summary>
    /// <exception cref="InvalidOperationException">The mask contradicts itself; the message is <see cref="Message"/>.</exception>
    public void ThrowIfInvalid()
    {
        if (!IsValid)
        {
            throw new InvalidOperationException(Message);
        }
    }
}
