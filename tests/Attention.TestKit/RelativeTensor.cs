using System.Numerics;

namespace Attention.TestKit;

/// <summary>Sums of terms, and of the squares of what rounding may do to each term, in units of the precision.</summary>
public sealed class RelativeTensor<T>(int count)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly T[] _squares = new T[count];

    public T[] Sums { get; } = new T[count];

    /// <summary>The largest uncertainty of an element.</summary>
    public double Sensitivity => _squares.Length == 0 ? 0 : Math.Sqrt(double.CreateChecked(_squares.Max()));

    internal void Add(int index, T term, T uncertainty)
    {
        Sums[index] += term;
        T square = uncertainty * uncertainty;
        _squares[index] += T.IsFinite(square) ? square : T.Zero;
    }
}
