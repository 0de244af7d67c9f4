using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// A tensor that is learned. Its gradient gathers over every tape that is played back, until <see cref="ClearGradient"/>.
/// </summary>
/// <remarks>
/// Reading a parameter from several threads is safe; playing back tapes that share one, or changing it, is for one thread at a time.
/// </remarks>
public sealed class Parameter : Variable
{
    /// <summary>Creates a parameter.</summary>
    /// <param name="name">Its name within its layer, as in checkpoints.</param>
    /// <param name="data">Its first numbers, which the parameter takes over.</param>
    public Parameter(string name, DeviceTensor data)
        : base(data, null, new GradientSlot(data))
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Its name within its layer.</summary>
    public string Name { get; }

    /// <summary>Forgets the gradient: the next one overwrites it.</summary>
    public void ClearGradient() => Slot!.Clear();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Slot!.Clear();
        }

        base.Dispose(disposing);
    }
}
