using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>One row at one step of a recurrence, backwards.</summary>
internal unsafe struct CellGradient
{
    /// <summary>Numbers of the state.</summary>
    internal nint Size;

    /// <summary>What the step left.</summary>
    internal float* Parts;

    /// <summary>The state before the step.</summary>
    internal float* Previous;

    /// <summary>The memory cell before the step, if there is one.</summary>
    internal float* PreviousCell;

    /// <summary>The gradient of the state: after the step going in, before it coming out.</summary>
    internal float* Hidden;

    /// <summary>The same of the memory cell.</summary>
    internal float* Cell;

    /// <summary>The gradient of what <see cref="IRecurrentCell.Reset"/> made of the state.</summary>
    internal float* Reset;

    /// <summary>Receives the gradients of the products, one gate after the other.</summary>
    internal float* Gates;

    /// <summary>Receives the gradients of the input's shares; null if they are not wanted.</summary>
    internal float* Input;

    /// <summary>Stores the gradient of a sum of product and input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void Store<TSimd, TVector>(int gate, nint column, TVector gradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => Store<TSimd, TVector>(gate, column, gradient, gradient);

    /// <summary>Stores the gradients of a gate's product and of its input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void Store<TSimd, TVector>(int gate, nint column, TVector gradient, TVector inputGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint place = gate * Size + column;
        TSimd.Store(gradient, Gates + place);
        if (Input != null)
        {
            TSimd.Store(inputGradient, Input + place);
        }
    }
}
