using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// A tensor that layers compute with. Under a <see cref="Autodiff.Tape"/> what is computed from it is recorded, so that
/// gradients can be played back; without one it is only a tensor.
/// </summary>
/// <remarks>
/// A variable owns its tensor: dispose it when it is no longer needed by you. What a tape needs for the way back it keeps
/// itself.
/// </remarks>
public class Variable : IDisposable
{
    internal Variable(DeviceTensor data, Tape? tape, GradientSlot? slot)
    {
        Data = data;
        Tape = tape;
        Slot = slot;
    }

    /// <summary>Its numbers.</summary>
    public DeviceTensor Data { get; }

    /// <summary>The tape that records what is computed from it, or null.</summary>
    public Tape? Tape { get; }

    /// <summary>Whether a gradient is wanted for it.</summary>
    public bool RequiresGradient => Slot is not null;

    /// <summary>
    /// The gradient gathered so far, of the shape of <see cref="Data"/>, or null if there is none. It belongs to the variable;
    /// for anything but a <see cref="Parameter"/> or a watched input it is gone once the tape was played back.
    /// </summary>
    public DeviceTensor? Gradient => Slot?.Current();

    internal GradientSlot? Slot { get; }

    /// <summary>Whether it was computed without a tape from something that has a gradient, which it would silently lose.</summary>
    internal bool IsUntracked { get; init; }

    /// <summary>A tensor outside of any tape; nothing is recorded.</summary>
    /// <param name="data">The tensor, which the variable takes over.</param>
    public static Variable Constant(DeviceTensor data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Variable(data, null, null);
    }

    /// <summary>The same numbers, without a tape and without a gradient.</summary>
    public Variable Detach() => new(Data.Share(), null, null);

    /// <summary>The same numbers in another shape; see <see cref="DeviceTensor.Reshape"/>.</summary>
    /// <param name="lengths">The new lengths; one may be -1.</param>
    /// <exception cref="ArgumentException">The count differs, or the strides would need a copy.</exception>
    public Variable Reshape(params ReadOnlySpan<nint> lengths)
    {
        nint[] target = lengths.ToArray();
        return View(tensor => tensor.Reshape(target), isWhole: true);
    }

    /// <summary>The same numbers with two axes exchanged.</summary>
    /// <param name="first">An axis; negative ones count from the end.</param>
    /// <param name="second">Another axis.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public Variable Transpose(int first, int second) => View(tensor => tensor.Transpose(first, second), isWhole: true);

    /// <summary>A part of one axis.</summary>
    /// <param name="axis">The axis; negative ones count from the end.</param>
    /// <param name="start">The first index.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist or has no such part.</exception>
    public Variable Slice(int axis, nint start, nint length) => View(tensor => tensor.Slice(axis, start, length), isWhole: false);

    /// <summary>Cuts an axis into parts that together are all of it.</summary>
    /// <param name="axis">The axis; negative ones count from the end.</param>
    /// <param name="lengths">The length of each part.</param>
    /// <exception cref="ArgumentException">The lengths do not add up to the axis.</exception>
    public Variable[] Split(int axis, params ReadOnlySpan<nint> lengths)
    {
        Tape?.CheckUse();
        axis = Shapes.Axis(axis, Data.Rank, nameof(axis));
        var views = new Func<DeviceTensor, DeviceTensor>[lengths.Length];
        nint start = 0;
        for (int i = 0; i < lengths.Length; i++)
        {
            (nint first, nint length) = (start, lengths[i]);
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(lengths));
            views[i] = tensor => tensor.Slice(axis, first, length);
            start += length;
        }

        if (start != Data.Lengths[axis])
        {
            throw new ArgumentException($"'{nameof(lengths)}' add up to {start}; axis {axis} has {Data.Lengths[axis]}.", nameof(lengths));
        }

        GradientSlot?[] slots = this is Parameter ? [.. views.Select(view => Slot?.Part(view))] : Slot?.Cover(views) ?? new GradientSlot?[views.Length];
        return [.. views.Zip(slots, (view, slot) => new Variable(view(Data), Tape, slot) { IsUntracked = IsUntracked })];
    }

    /// <summary>Gives the numbers back; what a tape kept stays until it was played back.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes <see cref="Data"/>.</summary>
    /// <param name="disposing">Whether called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Data.Dispose();
        }
    }

    /// <remarks>A parameter outlives its views, so it must not remember them.</remarks>
    private Variable View(Func<DeviceTensor, DeviceTensor> view, bool isWhole)
    {
        Tape?.CheckUse();
        DeviceTensor data = view(Data);
        return new Variable(data, Tape, isWhole && this is not Parameter ? Slot?.Cover(view)[0] : Slot?.Part(view)) { IsUntracked = IsUntracked };
    }
}
