using System.Numerics;
using Attention.Mechanisms;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Scores of additive attention and their gradients against plain loops.</summary>
public class AdditiveScoresTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ScoresAndGradients_AreTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small.Where(shape => shape.HeadSize < 100))
        {
            Memory memory = new(shape);
            memory.Run(new() { Width = width });
            Loops<double> exact = new(memory);
            Loops<float> plain = new(memory);
            double largest = memory.Slopes.Concat(memory.Vector).Select(x => Math.Abs((double)x)).DefaultIfEmpty().Max();
            double steepest = largest * largest * Math.Sqrt(Math.Max(shape.RowCount, shape.KeyLength));
            Tolerance.Mechanism($"scores of {shape}", memory.Scores, exact.Scores, plain.Scores, largest * Math.Sqrt(shape.HeadSize), shape.RowCount);
            Tolerance.Mechanism($"query gradient of {shape}", memory.QueryGradient, exact.Query, plain.Query, steepest, shape.RowCount);
            Tolerance.Mechanism($"key gradient of {shape}", memory.KeyGradient, exact.Key, plain.Key, steepest, shape.RowCount);
            Tolerance.Mechanism(
                $"vector gradient of {shape}", memory.VectorGradient, exact.Vector, plain.Vector,
                largest * Math.Sqrt((double)shape.RowCount * shape.KeyLength), shape.RowCount);
        }
    }

    [Fact]
    public void TheReference_HasTheGradientsOfDifferences()
    {
        Memory memory = new(new(2, 2, 1, 3, 4, 5, 1));
        Loops<double> loops = new(memory);
        Tolerance.Differences("query", loops.Query, FiniteDifferences.Gradient(loops.QueryInput, loops.Loss));
        Tolerance.Differences("key", loops.Key, FiniteDifferences.Gradient(loops.KeyInput, loops.Loss));
        Tolerance.Differences("vector", loops.Vector, FiniteDifferences.Gradient(loops.VectorInput, loops.Loss));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void StridesAndGuardedMemory_ChangeNoBit(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in new AttentionShape[] { new(2, 4, 2, 3, 67, 19, 1), new(1, 1, 1, 1, 1, 1, 1), new(2, 3, 3, 5, 4, 33, 1) })
        {
            Memory expected = new(shape);
            expected.Run(options);
            foreach (Placement placement in new[] { Placement.Guarded, Placement.Positions })
            {
                using TestOperand query = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.HeadSize, expected.Query);
                using TestOperand key = TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.HeadSize, expected.Key);
                using TestOperand vector = TestOperand.Create(true, [shape.HeadSize], expected.Vector);
                using TestOperand scores = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
                using TestOperand slopes = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength, expected.Slopes);
                using TestOperand queryGradient = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.HeadSize);
                using TestOperand keyGradient = TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.HeadSize);
                using TestOperand vectorGradient = TestOperand.Create(true, [shape.HeadSize]);
                AdditiveScores.Forward(query.Read(), key.Read(), vector.Read(), scores.Write(), options);
                AdditiveScores.Backward(
                    query.Read(), key.Read(), vector.Read(), slopes.Read(), queryGradient.Write(), keyGradient.Write(), vectorGradient.Write(), options);
                Tolerance.SameBits("scores", scores.Gather(), expected.Scores);
                Tolerance.SameBits("query gradient", queryGradient.Gather(), expected.QueryGradient);
                Tolerance.SameBits("key gradient", keyGradient.Gather(), expected.KeyGradient);
                Tolerance.SameBits("vector gradient", vectorGradient.Gather(), expected.VectorGradient);
            }
        }
    }

    [Fact]
    public void Threads_ChangeNoBit()
    {
        Memory one = new(new(2, 4, 2, 33, 67, 75, 1));
        one.Run(new() { MaxDegreeOfParallelism = 1 });
        foreach (int threads in new[] { 2, 3, 7 })
        {
            Memory several = new(one.Shape);
            several.Run(new() { MaxDegreeOfParallelism = threads });
            Tolerance.SameBits("scores", several.Scores, one.Scores);
            Tolerance.SameBits("query gradient", several.QueryGradient, one.QueryGradient);
            Tolerance.SameBits("key gradient", several.KeyGradient, one.KeyGradient);
            Tolerance.SameBits("vector gradient", several.VectorGradient, one.VectorGradient);
        }
    }

    [Fact]
    public void KeysWithoutAGradient_AreNotLookedAt()
    {
        Memory clean = new(new(1, 1, 1, 3, 5, 19, 1));
        Memory dirty = new(clean.Shape);
        foreach (Memory memory in new[] { clean, dirty })
        {
            for (int row = 0; row < 3; row++)
            {
                memory.Slopes[row * 5 + 2] = 0;
            }
        }

        dirty.Key.AsSpan(2 * 19, 19).Fill(float.NaN);
        clean.Run(default);
        dirty.Run(default);
        Tolerance.SameBits("query gradient", dirty.QueryGradient, clean.QueryGradient);
        Tolerance.SameBits("key gradient", dirty.KeyGradient, clean.KeyGradient);
        Tolerance.SameBits("vector gradient", dirty.VectorGradient, clean.VectorGradient);
    }

    /// <summary>Unlike a key that nothing comes from, one that has a gradient is looked at.</summary>
    [Fact]
    public void NaNInAKeyWithAGradient_ComesThrough()
    {
        Memory memory = new(new(1, 1, 1, 3, 5, 19, 1));
        memory.Key.AsSpan(2 * 19, 19).Fill(float.NaN);
        memory.Run(default);
        memory.QueryGradient.Concat(memory.VectorGradient).Should().OnlyContain(x => float.IsNaN(x));
        for (int i = 0; i < memory.KeyGradient.Length; i++)
        {
            float.IsNaN(memory.KeyGradient[i]).Should().Be(i / 19 == 2);
        }
    }

    [Fact]
    public void WithoutAnyPairs_ScoresAreEmptyAndGradientsZero()
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(1, 2, 1, 3, 0, 5, 1), new(1, 2, 1, 0, 4, 5, 1), new(0, 2, 1, 3, 4, 5, 1) })
        {
            Memory memory = new(shape);
            foreach (float[] gradient in new[] { memory.QueryGradient, memory.KeyGradient, memory.VectorGradient })
            {
                Array.Fill(gradient, 7);
            }

            memory.Run(default);
            memory.QueryGradient.Concat(memory.KeyGradient).Concat(memory.VectorGradient).Should().OnlyContain(x => x == 0);
        }
    }

    /// <summary>Only some pairs have a gradient, the rest beside them hold 0: what masks and short sequences leave.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void RowsOfZerosAround_ChangeNothing(SimdWidth width)
    {
        Memory memory = new(new(2, 2, 1, 35, 150, 11, 1));
        for (int i = 0; i < memory.Slopes.Length; i++)
        {
            (int row, int key) = Math.DivRem(i, 150);
            memory.Slopes[i] = key >= row && key < 3 * row && row % 7 != 0 ? memory.Slopes[i] : 0;
        }

        memory.Run(new() { Width = width });
        Loops<double> exact = new(memory);
        Loops<float> plain = new(memory);
        double largest = memory.Slopes.Concat(memory.Vector).Max(x => Math.Abs((double)x));
        double steepest = largest * largest * Math.Sqrt(150);
        Tolerance.Mechanism("query gradient", memory.QueryGradient, exact.Query, plain.Query, steepest, 140);
        Tolerance.Mechanism("key gradient", memory.KeyGradient, exact.Key, plain.Key, steepest, 140);
        Tolerance.Mechanism("vector gradient", memory.VectorGradient, exact.Vector, plain.Vector, largest * Math.Sqrt(140 * 150), 140);
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        Memory memory = new(new(2, 4, 2, 3, 5, 6, 1));
        Refuses("query", m => m.QueryLengths = [2, 12, 6]);
        Refuses("key", m => m.KeyLengths = [2, 2, 6, 5]);
        Refuses("key", m => m.KeyLengths = [2, 5, 2, 6]);
        Refuses("scoreVector", m => m.VectorLengths = [3, 2]);
        Refuses("scores", m => m.ScoresLengths = [2, 4, 5, 3]);
        Refuses("options", m => m.Options = new() { Scale = 2 });
        Refuses("options", m => m.Options = new() { Dropout = 0.5f });

        void Refuses(string parameter, Action<Memory> change)
        {
            Memory wrong = new(memory.Shape);
            change(wrong);
            Array.Fill(wrong.Scores, 7);
            FluentActions.Invoking(() => wrong.Run(wrong.Options)).Should().Throw<ArgumentException>().WithParameterName(parameter);
            wrong.Scores.Should().OnlyContain(x => x == 7);
        }
    }

    [Fact]
    public void GradientsThatAreNotWanted_AreLeftOut()
    {
        Memory memory = new(new(2, 4, 2, 3, 5, 6, 1));
        memory.Run(default);
        float[] key = new float[memory.Key.Length];
        AdditiveScores.Backward(
            new(memory.Query, memory.QueryLengths, []), new(memory.Key, memory.KeyLengths, []), new(memory.Vector, memory.VectorLengths, []),
            new(memory.Slopes, memory.ScoresLengths, []), default, new(key, memory.KeyLengths, []), default);
        Tolerance.SameBits("key gradient", key, memory.KeyGradient);
        FluentActions.Invoking(() => AdditiveScores.Backward(
            new(memory.Query, memory.QueryLengths, []), new(memory.Key, memory.KeyLengths, []), new(memory.Vector, memory.VectorLengths, []),
            new(memory.Slopes, memory.ScoresLengths, []), default, new(memory.Key, memory.KeyLengths, []), default))
            .Should().Throw<ArgumentException>().WithParameterName("keyGradient");
    }

    private sealed class Memory(AttentionShape shape)
    {
        public AttentionShape Shape => shape;

        public float[] Query { get; } = AttentionProblems.Normal(new Random(1), shape.QueryCount);

        public float[] Key { get; } = AttentionProblems.Normal(new Random(2), shape.KeyCount);

        public float[] Vector { get; } = AttentionProblems.Normal(new Random(3), shape.HeadSize);

        public float[] Slopes { get; } = AttentionProblems.Normal(new Random(4), shape.RowCount * shape.KeyLength);

        public float[] Scores { get; } = new float[shape.RowCount * shape.KeyLength];

        public float[] QueryGradient { get; } = new float[shape.QueryCount];

        public float[] KeyGradient { get; } = new float[shape.KeyCount];

        public float[] VectorGradient { get; } = new float[shape.HeadSize];

        public nint[] QueryLengths { get; set; } = [shape.Batch, shape.Heads, shape.QueryLength, shape.HeadSize];

        public nint[] KeyLengths { get; set; } = [shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.HeadSize];

        public nint[] VectorLengths { get; set; } = [shape.HeadSize];

        public nint[] ScoresLengths { get; set; } = [shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength];

        public AttentionOptions Options { get; set; }

        public void Run(AttentionOptions options)
        {
            AdditiveScores.Forward(
                new(Query, QueryLengths, []), new(Key, KeyLengths, []), new(Vector, VectorLengths, []), new(Scores, ScoresLengths, []), options);
            AdditiveScores.Backward(
                new(Query, QueryLengths, []), new(Key, KeyLengths, []), new(Vector, VectorLengths, []), new(Slopes, ScoresLengths, []),
                new(QueryGradient, QueryLengths, []), new(KeyGradient, KeyLengths, []), new(VectorGradient, VectorLengths, []), options);
        }
    }

    private sealed class Loops<T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly AttentionShape _shape;
        private readonly T[] _slopes;

        public Loops(Memory memory)
        {
            _shape = memory.Shape;
            QueryInput = Array.ConvertAll(memory.Query, T.CreateChecked);
            KeyInput = Array.ConvertAll(memory.Key, T.CreateChecked);
            VectorInput = Array.ConvertAll(memory.Vector, T.CreateChecked);
            _slopes = Array.ConvertAll(memory.Slopes, T.CreateChecked);
            Scores = new T[_slopes.Length];
            Query = new T[QueryInput.Length];
            Key = new T[KeyInput.Length];
            Vector = new T[VectorInput.Length];
            Run((score, query, key, column, tanh) =>
            {
                T slope = _slopes[score] * VectorInput[column] * (T.One - tanh * tanh);
                Scores[score] += VectorInput[column] * tanh;
                Query[query] += slope;
                Key[key] += slope;
                Vector[column] += _slopes[score] * tanh;
            });
        }

        public T[] QueryInput { get; }

        public T[] KeyInput { get; }

        public T[] VectorInput { get; }

        public T[] Scores { get; }

        public T[] Query { get; }

        public T[] Key { get; }

        public T[] Vector { get; }

        public double Loss()
        {
            T loss = T.Zero;
            Run((score, _, _, column, tanh) => loss += _slopes[score] * VectorInput[column] * tanh);
            return double.CreateChecked(loss);
        }

        private void Run(Action<int, int, int, int, T> visit)
        {
            for (int row = 0; row < _shape.RowCount; row++)
            {
                int head = row / _shape.QueryLength;
                int keyHead = (head / _shape.Heads * _shape.KeyValueHeads) + (head % _shape.Heads / (_shape.Heads / _shape.KeyValueHeads));
                for (int key = 0; key < _shape.KeyLength; key++)
                {
                    for (int column = 0; column < _shape.HeadSize; column++)
                    {
                        int queryIndex = row * _shape.HeadSize + column;
                        int keyIndex = (keyHead * _shape.KeyLength + key) * _shape.HeadSize + column;
                        visit(row * _shape.KeyLength + key, queryIndex, keyIndex, column, T.Tanh(QueryInput[queryIndex] + KeyInput[keyIndex]));
                    }
                }
            }
        }
    }
}
