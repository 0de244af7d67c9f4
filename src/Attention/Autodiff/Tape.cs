using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// Records the backend computations that layers run and plays their gradients back in reverse (reverse-mode differentiation).
/// It has no computation of its own.
/// </summary>
/// <remarks>
/// <para>
/// What is computed from a variable of the tape is recorded; variables outside of any tape cost nothing. A tape is for one
/// thread, and played back once: there is no gradient of a gradient.
/// </para>
/// </remarks>
public sealed class Tape : IDisposable
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly List<Entry> _entries = [];
    private readonly List<GradientSlot> _watched = [];
    private readonly ulong _seed;
    private bool _isPlayed;

    /// <summary>Creates an empty tape.</summary>
    /// <param name="seed">
    /// Decides what dropout drops under this tape: equal seeds drop the same, so in training give each step its own, such as its number.
    /// </param>
    /// <param name="isTraining">Whether dropout drops anything.</param>
    public Tape(ulong seed = 0, bool isTraining = true)
    {
        _seed = seed;
        IsTraining = isTraining;
    }

    /// <summary>Whether dropout drops anything.</summary>
    public bool IsTraining { get; }

    /// <summary>How many computations were recorded.</summary>
    public int Count => _entries.Count;

    /// <summary>How many seeds were drawn.</summary>
    internal ulong Drawn { get; set; }

    /// <summary>An input whose gradient is wanted; it can be read after <see cref="Backward(Variable)"/> until the tape is disposed.</summary>
    /// <param name="data">The tensor, which the variable takes over.</param>
    public Variable Watch(DeviceTensor data)
    {
        ArgumentNullException.ThrowIfNull(data);
        CheckUse();
        var slot = new GradientSlot(data);
        _watched.Add(slot);
        return new Variable(data, this, slot);
    }

    /// <summary>An input without a gradient, from which the tape records.</summary>
    /// <param name="data">The tensor, which the variable takes over.</param>
    public Variable Constant(DeviceTensor data)
    {
        ArgumentNullException.ThrowIfNull(data);
        CheckUse();
        return new Variable(data, this, null);
    }

    /// <summary>
    /// A parameter under this tape, for computations from parameters alone, such as a penalty on weights: with other variables of
    /// the tape a parameter needs no such thing.
    /// </summary>
    /// <param name="parameter">The parameter, which gathers the gradient.</param>
    /// <returns>A variable of the parameter's numbers.</returns>
    public Variable Use(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        CheckUse();
        return new Variable(parameter.Data.Share(), this, parameter.Slot);
    }

    /// <summary>Plays the gradients of a single number back.</summary>
    /// <param name="loss">A variable of this tape with one number.</param>
    /// <exception cref="ArgumentException"><paramref name="loss"/> has more than one number, or is not recorded by this tape.</exception>
    /// <exception cref="InvalidOperationException">The tape was played back already, or belongs to another thread.</exception>
    public void Backward(Variable loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        CheckUse();
        if (loss.Data.Count != 1)
        {
            throw new ArgumentException($"'{nameof(loss)}' has shape {Shapes.Text(loss.Data.Lengths)}; expected a single number, or pass its gradient.", nameof(loss));
        }

        DeviceTensor target = Begin(loss, nameof(loss)).Target(out _);
        target.Backend.Fill(target, 1);
        Play();
    }

    /// <summary>Plays gradients back from the gradient of <paramref name="output"/>.</summary>
    /// <param name="output">A variable of this tape.</param>
    /// <param name="gradient">The gradient of the loss by it, of its shape.</param>
    /// <exception cref="ArgumentException">The shapes differ, or <paramref name="output"/> is not recorded by this tape.</exception>
    /// <exception cref="InvalidOperationException">The tape was played back already, or belongs to another thread.</exception>
    public void Backward(Variable output, DeviceTensor gradient)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(gradient);
        CheckUse();
        if (!gradient.Lengths.SequenceEqual(output.Data.Lengths))
        {
            throw new ArgumentException(
                $"'{nameof(gradient)}' has shape {Shapes.Text(gradient.Lengths)}; expected {Shapes.Text(output.Data.Lengths)}.", nameof(gradient));
        }

        if (gradient.Backend != output.Data.Backend)
        {
            throw new ArgumentException(
                $"'{nameof(gradient)}' lives on another backend ({gradient.Backend.Name}) than '{nameof(output)}' ({output.Data.Backend.Name}).", nameof(gradient));
        }

        DeviceTensor target = Begin(output, nameof(output)).Target(out float beta);
        target.Backend.Accumulate(gradient, target, 1, beta);
        Play();
    }

    /// <summary>Lets go of everything the tape keeps, the gradients of watched inputs included.</summary>
    public void Dispose()
    {
        foreach (Entry entry in _entries)
        {
            entry.Release();
        }

        foreach (GradientSlot slot in _watched)
        {
            slot.Clear();
        }

        _entries.Clear();
        _watched.Clear();
        _isPlayed = true;
    }

    /// <summary>The tape of the variables that have one, or null.</summary>
    internal static Tape? Of(params ReadOnlySpan<Variable?> variables)
    {
        Tape? tape = null;
        bool isUntracked = false;
        foreach (Variable? variable in variables)
        {
            isUntracked |= variable is { IsUntracked: true };
            if (variable?.Tape is { } other && other != tape)
            {
                tape = tape is null
                    ? other
                    : throw new InvalidOperationException(
                        "The variables belong to different tapes. A checkpointed block has a tape of its own: what it uses besides parameters must be its input.");
            }
        }

        tape?.CheckUse();
        return tape is not null && isUntracked
            ? throw new InvalidOperationException(
                "Something computed from parameters without a tape meets a tape, and its gradient would be lost. Compute it under the tape (see Tape.Use), or detach it.")
            : tape;
    }

    /// <summary>Records a computation: <paramref name="backward"/> is given the gradient of <paramref name="output"/>.</summary>
    /// <param name="output">The slot of the result.</param>
    /// <param name="backward">Adds to the slots of the inputs.</param>
    /// <param name="kept">Tensors that it needs; the tape disposes them.</param>
    internal void Record(GradientSlot output, Action<DeviceTensor> backward, DeviceTensor?[] kept) =>
        _entries.Add(new Entry(output, backward, kept));

    /// <summary>
    /// A tape that drops what this one would drop next: a checkpointed block runs on it, first forwards and later on the way back.
    /// </summary>
    /// <param name="drawn">How many seeds were drawn before.</param>
    internal Tape Continue(ulong drawn) => new(_seed, IsTraining) { Drawn = drawn };

    /// <summary>A seed for the next random computation.</summary>
    internal ulong NextSeed() => _seed * 0x9E3779B97F4A7C15 + ++Drawn;

    private GradientSlot Begin(Variable output, string name) =>
        output.Tape == this && output.Slot is { } slot
            ? slot
            : throw new ArgumentException($"'{name}' was not computed under this tape from anything that has a gradient.", name);

    private void Play()
    {
        _isPlayed = true;
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            Entry entry = _entries[i];
            if (entry.Output.Current() is { } gradient)
            {
                entry.Backward(gradient);
            }

            entry.Release();
        }

        _entries.Clear();
    }

    /// <exception cref="InvalidOperationException">The tape was played back already, or belongs to another thread.</exception>
    internal void CheckUse()
    {
        if (_isPlayed)
        {
            throw new InvalidOperationException("The tape was played back or disposed; gradients of gradients are not offered, so every forward pass needs a tape of its own.");
        }

        if (_thread != Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException("A tape is for one thread, the one that created it.");
        }
    }

    private sealed class Entry(GradientSlot output, Action<DeviceTensor> backward, DeviceTensor?[] kept)
    {
        internal GradientSlot Output => output;

        internal void Backward(DeviceTensor gradient) => backward(gradient);

        internal void Release()
        {
            output.Clear();
            foreach (DeviceTensor? tensor in kept)
            {
                tensor?.Dispose();
            }
        }
    }
}
