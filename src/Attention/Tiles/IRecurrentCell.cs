using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What one step of a recurrence does to one row, besides the products with the recurrent weight. A struct without fields, for which
/// the passes are compiled.
/// </summary>
internal interface IRecurrentCell
{
    /// <summary>How many numbers of the input, and rows of the weight, there are for one number of the state.</summary>
    static abstract int Gates { get; }

    /// <summary>
    /// The first gates, whose product takes the state as it is. The product of a gate after them takes what <see cref="Reset"/> made of
    /// the state.
    /// </summary>
    static abstract int DirectGates { get; }

    /// <summary>What a step leaves for the way back, in multiples of the state: the gates first.</summary>
    static abstract int Parts { get; }

    /// <summary>Whether there is a memory cell beside the state.</summary>
    static abstract bool HasCell { get; }

    /// <summary>From the products of the direct gates to the left factor of the others, which is the last part.</summary>
    static abstract void Reset<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>From the products of all gates to the new state.</summary>
    static abstract void Update<TSimd, TVector>(in CellStep step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>From the gradient of the new state to those of the gates, and to what of the old state's goes through no product.</summary>
    static abstract void Gradient<TSimd, TVector>(in CellGradient step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>The same for what goes through <see cref="Reset"/>, once the gradient of its result is there.</summary>
    static abstract void ResetGradient<TSimd, TVector>(in CellGradient step)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
