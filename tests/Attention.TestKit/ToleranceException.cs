namespace Attention.TestKit;

/// <summary>Says which element is wrong, what it should have been and how much it may differ.</summary>
public sealed class ToleranceException : Exception
{
    public ToleranceException()
    {
    }

    public ToleranceException(string message)
        : base(message)
    {
    }

    public ToleranceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
