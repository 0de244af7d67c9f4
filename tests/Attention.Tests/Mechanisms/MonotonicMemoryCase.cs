using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Energies of monotonic attention in guarded memory, and calls of everything.</summary>
internal sealed class MonotonicMemoryCase : IDisposable
{
    private readonly List<TestOperand> _operands = [];

    public MonotonicMemoryCase(nint[] lengths, float[] energies, float[] chunkEnergies, float[] gradient, bool guarded = true)
    {
        Energies = Add(energies);
        ChunkEnergies = Add(chunkEnergies);
        Gradient = Add(gradient);
        Alignment = Add(null);
        Weights = Add(null);
        EnergyGradient = Add(null);
        AlignmentGradient = Add(null);
        ChunkEnergyGradient = Add(null);

        TestOperand Add(float[]? numbers)
        {
            _operands.Add(TestOperand.Create(guarded, lengths, numbers));
            return _operands[^1];
        }
    }

    public TestOperand Energies { get; }

    public TestOperand ChunkEnergies { get; }

    /// <summary>The gradient of the weights within chunks.</summary>
    public TestOperand Gradient { get; }

    public TestOperand Alignment { get; }

    public TestOperand Weights { get; }

    public TestOperand EnergyGradient { get; }

    public TestOperand AlignmentGradient { get; }

    public TestOperand ChunkEnergyGradient { get; }

    /// <summary>Random numbers; energies around an offset.</summary>
    public static MonotonicMemoryCase Random(nint[] lengths, float offset = -1, int seed = 1, bool guarded = true)
    {
        Random random = new(seed);
        int count = PlainTensor.Count(lengths);
        float[] energies = AttentionProblems.Normal(random, count);
        return new(
            lengths, Array.ConvertAll(energies, energy => energy + offset), AttentionProblems.Normal(random, count, 2),
            AttentionProblems.Normal(random, count), guarded);
    }

    /// <summary>Forward through alignment and chunks, and back through both.</summary>
    public void Run<TMask>(TMask mask, int width, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        MonotonicAttention.Forward(Energies.Read(), mask, Alignment.Write(), options);
        MonotonicChunkwiseAttention.Forward(Alignment.Read(), ChunkEnergies.Read(), mask, width, Weights.Write(), options);
        MonotonicChunkwiseAttention.Backward(
            Alignment.Read(), ChunkEnergies.Read(), Gradient.Read(), mask, width, AlignmentGradient.Write(), ChunkEnergyGradient.Write(), options);
        MonotonicAttention.Backward(Energies.Read(), Alignment.Read(), AlignmentGradient.Read(), mask, EnergyGradient.Write(), options);
    }

    public float[][] Results() =>
        [Alignment.Gather(), Weights.Gather(), AlignmentGradient.Gather(), ChunkEnergyGradient.Gather(), EnergyGradient.Gather()];

    public void Dispose() => _operands.ForEach(operand => operand.Dispose());
}
