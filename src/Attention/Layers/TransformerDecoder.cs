using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A stack of decoder layers, and a last normalisation where they normalise before (or
/// <see cref="TransformerOptions.HasLastNorm"/> says so). Parameters: <c>layers.0.*</c> ..., and <c>norm.*</c>.
/// </summary>
public sealed class TransformerDecoder : Layer
{
    private readonly TransformerDecoderLayer[] _layers;
    private readonly TransformerNorm? _norm;

    /// <summary>Creates a stack.</summary>
    /// <param name="layers">How many layers.</param>
    /// <param name="options">What each is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, or a probability is none.</exception>
    public TransformerDecoder(int layers, TransformerOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentNullException.ThrowIfNull(options);
        _layers = new TransformerDecoderLayer[layers];
        for (int i = 0; i < layers; i++)
        {
            _layers[i] = AddLayer($"layers.{i}", new TransformerDecoderLayer(options with { Seed = Initial.Seed(options.Seed, i) }, Backend));
        }

        _norm = TransformerBlock.LastNorm(options, Backend) is { } norm ? AddLayer("norm", norm) : null;
    }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<TransformerDecoderLayer> Layers => _layers;

    /// <summary>Computes the stack; every layer attends to the same memory.</summary>
    /// <typeparam name="TMask">The type of the mask among targets.</typeparam>
    /// <typeparam name="TMemoryMask">The type of the mask of the memory.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="memory">The encoder's output, <c>[batch, memoryLength, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <param name="memoryMask">Which positions of the memory a position may attend to.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">A shape is another, or a mask does not fit.</exception>
    public Variable Forward<TMask, TMemoryMask>(Variable input, Variable memory, in TMask mask, in TMemoryMask memoryMask)
        where TMask : struct, IAttentionMask
        where TMemoryMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(input);
        Variable current = _layers[0].Forward(input, memory, mask, memoryMask);
        foreach (TransformerDecoderLayer layer in _layers.AsSpan(1))
        {
            using Variable previous = current;
            current = layer.Forward(previous, memory, mask, memoryMask);
        }

        if (_norm is null)
        {
            return current;
        }

        using (current)
        {
            return _norm.Forward(current);
        }
    }
}
