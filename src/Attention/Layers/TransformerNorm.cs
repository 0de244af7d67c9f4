using Attention.Autodiff;
using Attention.Backends;
using Attention.Operators;

namespace Attention.Layers;

/// <summary>
/// The normalisation that <see cref="TransformerOptions"/> ask for, named as <see cref="LayerNorm"/> and <see cref="RmsNorm"/>
/// name theirs: <c>weight [modelSize]</c>, ones, and <c>bias [modelSize]</c>, zeros, where there is one.
/// </summary>
internal sealed class TransformerNorm : Layer
{
    private readonly NormalizationKind _kind;
    private readonly float _epsilon;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    internal TransformerNorm(TransformerOptions options, IComputeBackend backend)
        : base(backend)
    {
        int size = options.Attention.ModelSize;
        _kind = Enum.IsDefined(options.Norm)
            ? options.Norm
            : throw new ArgumentOutOfRangeException(nameof(options), options.Norm, "There is no such normalisation.");
        _epsilon = Initial.CheckEpsilon(options.NormEpsilon, nameof(options));
        _weight = AddParameter("weight", Initial.Ones(size), size);
        _bias = options.HasBias && _kind == NormalizationKind.Layer ? AddParameter("bias", new float[size], size) : null;
    }

    internal Variable Forward(Variable input) => Differentiable.Normalize(_kind, input, _weight, _bias, _epsilon);
}
