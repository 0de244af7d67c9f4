using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The tensors of a call of hard attention, in memory of a given placement; results begin as NaN.</summary>
internal sealed class HardMemory : IDisposable
{
    private readonly TestOperand[] _operands;

    public HardMemory(AttentionShape shape, Placement placement = default, int seed = 1, float factor = 2)
    {
        Shape = shape;
        Random random = new(seed);
        ScoreValues = AttentionProblems.Normal(random, shape.RowCount * shape.KeyLength, factor);
        ValueValues = AttentionProblems.Normal(random, shape.ValueCount);
        Scores = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength, ScoreValues);
        Value = TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.ValueSize, ValueValues);
        Output = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.ValueSize);
        LogProbability = TestOperand.Create(placement == Placement.Guarded, RowLengths);
        Entropy = TestOperand.Create(placement == Placement.Guarded, RowLengths);
        ScoresGradient = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
        OutputGradient = TestOperand.Create(
            placement, shape.Batch, shape.Heads, shape.QueryLength, shape.ValueSize, AttentionProblems.Normal(random, shape.OutputCount));
        ValueGradient = TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.ValueSize);
        Slopes = TestOperand.Create(placement == Placement.Guarded, RowLengths, AttentionProblems.Normal(random, shape.RowCount));
        EntropySlopes = TestOperand.Create(placement == Placement.Guarded, RowLengths, AttentionProblems.Normal(random, shape.RowCount));
        Choices = new int[shape.RowCount];
        _operands = [Scores, Value, Output, LogProbability, Entropy, ScoresGradient, OutputGradient, ValueGradient, Slopes, EntropySlopes];
    }

    public AttentionShape Shape { get; }

    public float[] ScoreValues { get; }

    public float[] ValueValues { get; }

    public int[] Choices { get; }

    public TestOperand Scores { get; }

    public TestOperand Value { get; }

    public TestOperand Output { get; }

    public TestOperand LogProbability { get; }

    public TestOperand Entropy { get; }

    public TestOperand ScoresGradient { get; }

    public TestOperand OutputGradient { get; }

    public TestOperand ValueGradient { get; }

    public TestOperand Slopes { get; }

    public TestOperand EntropySlopes { get; }

    private nint[] RowLengths => [Shape.Batch, Shape.Heads, Shape.QueryLength];

    public void Forward<TMask>(KeyChoice choice, in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask =>
        HardAttention.Forward(
            Scores.Read(), Value.Read(), mask, choice, Choices, Output.Write(), LogProbability.Write(), Entropy.Write(), options);

    public void Backward<TMask>(in TMask mask, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        HardAttention.ScoreGradients(
            Scores.Read(), mask, Choices, Slopes.Read(), EntropySlopes.Read(), ScoresGradient.Write(), options);
        HardAttention.ValueGradients(Choices, OutputGradient.Read(), ValueGradient.Write(), options);
    }

    /// <summary>All numbers that forward and backward gave.</summary>
    public float[] Results() =>
    [
        .. Output.Gather(), .. LogProbability.Gather(), .. Entropy.Gather(), .. ScoresGradient.Gather(), .. ValueGradient.Gather(),
        .. Choices.Select(choice => (float)choice),
    ];

    /// <summary>The scores of a row, and whether the mask allows a key there.</summary>
    public HardAttentionRow<T> Row<T, TMask>(int row, TMask mask)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
        where TMask : struct, IAttentionMask
    {
        (int batch, int head, int query) = At(row);
        T[] scores = [.. ScoreValues.Skip(row * Shape.KeyLength).Take(Shape.KeyLength).Select(score => T.CreateChecked(score))];
        return new HardAttentionRow<T>(scores, key => mask.Allows(batch, head, query, key));
    }

    public (int Batch, int Head, int Query) At(int row) =>
        (row / Shape.QueryLength / Shape.Heads, row / Shape.QueryLength % Shape.Heads, row % Shape.QueryLength);

    public void Dispose() => Array.ForEach(_operands, operand => operand.Dispose());
}
