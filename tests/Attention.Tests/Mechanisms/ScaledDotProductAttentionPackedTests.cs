using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Sequences of different lengths one after the other are the same as one call for each.</summary>
public class ScaledDotProductAttentionPackedTests
{
    private const int Heads = 4;
    private const int KeyValueHeads = 2;
    private const int HeadSize = 17;
    private const int ValueSize = 9;

    private static readonly AttentionOptions s_options = new() { MaxDegreeOfParallelism = 3 };

    /// <summary>Lengths of queries and keys; sequences without either, and of one to five queries, are among them.</summary>
    public static TheoryData<int[], int[]> Lengths => new()
    {
        { [13, 0, 1, 61, 5, 4, 0], [37, 5, 1301, 0, 7, 61, 0] },
        { [1, 1, 1], [5, 1025, 2] },
        { [401, 7], [401, 530] },
        { [], [] },
        { [0], [0] },
    };

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Sequences_AreAsTheirOwnCalls(int[] queryLengths, int[] keyLengths)
    {
        Check(queryLengths, keyLengths, default(NoMask), _ => default(NoMask), default(NoModifier));
        Check(queryLengths, keyLengths, CausalMask.TopLeft, _ => CausalMask.TopLeft, new SoftCapModifier(2f));
        Check(queryLengths, keyLengths, default(CheckerboardMask), sequence => new ShiftedMask(sequence), default(QuadraticModifier));
        if (queryLengths.Length > 0)
        {
            int[] offsets = [.. keyLengths.Zip(queryLengths, (keys, queries) => keys - queries)];
            Check(
                queryLengths, keyLengths, CausalMask.PerBatch(offsets), sequence => new CausalMask(offsets[sequence]), default(NoModifier));
        }
    }

    private static void Check<TMask, TOwnMask, TModifier>(
        int[] queryLengths, int[] keyLengths, TMask mask, Func<int, TOwnMask> ownMask, TModifier modifier)
        where TMask : struct, IAttentionMask
        where TOwnMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionProblem<float>[] problems =
        [
            .. queryLengths.Select((queries, sequence) => AttentionProblems.Random(
                new AttentionShape(1, Heads, KeyValueHeads, queries, keyLengths[sequence], HeadSize, ValueSize), seed: 100 + sequence)
                .WithSinks().WithLogSumExpGradient(200 + sequence)),
        ];
        float[] sinks = AttentionProblems.Random(new AttentionShape(0, Heads, 1, 0, 0, 1, 1)).WithSinks().SinkLogits!;
        PackedMemory packed = new(problems, queryLengths, keyLengths);
        packed.Run(mask, modifier, sinks, s_options);

        double[] sinkGradient = new double[Heads];
        for (int sequence = 0; sequence < problems.Length; sequence++)
        {
            using AttentionMemory own = new(problems[sequence]);
            PolicyCase<TOwnMask, TModifier> policies =
                new("own", _ => ownMask(sequence), _ => modifier, _ => null, _ => null);
            policies.Forward(own, s_options);
            policies.Backward(own, s_options);

            string name = $"sequence {sequence} of {typeof(TMask).Name}";
            Tolerance.SameBits($"output, {name}", packed.Output.Part(sequence), own.Output.Gather());
            Tolerance.SameBits($"log-sum-exp, {name}", packed.LogSumExpOf(sequence), own.LogSumExp.Gather());
            Tolerance.SameBits($"gradient of query, {name}", packed.QueryGradient.Part(sequence), own.QueryGradient.Gather());
            Tolerance.SameBits($"gradient of key, {name}", packed.KeyGradient.Part(sequence), own.KeyGradient.Gather());
            Tolerance.SameBits($"gradient of value, {name}", packed.ValueGradient.Part(sequence), own.ValueGradient.Gather());
            float[] ownSinks = own.SinkGradient!.Gather();
            for (int head = 0; head < Heads; head++)
            {
                sinkGradient[head] += ownSinks[head];
            }
        }

        Tolerance.Golden("gradient of sinks", packed.SinkGradient, sinkGradient);
    }

    /// <summary>The checkerboard as the sequence of a batch sees it, for a call whose only batch element is number 0.</summary>
    private readonly struct ShiftedMask(int sequence) : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => default(CheckerboardMask).Allows(sequence, head, query, key);

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }

    /// <summary>Rows of all sequences, <c>[total, heads, size]</c>.</summary>
    private sealed class PackedOperand
    {
        private readonly int[] _cumulative;
        private readonly int _heads;
        private readonly int _size;

        public PackedOperand(int[] cumulative, int heads, int size, IEnumerable<float[]>? parts = null)
        {
            (_cumulative, _heads, _size) = (cumulative, heads, size);
            Data = new float[cumulative[^1] * heads * size];
            Array.Fill(Data, float.NaN);
            foreach ((int sequence, float[] part) in (parts ?? []).Index())
            {
                View(sequence).Scatter<float>(part, Data);
            }
        }

        public float[] Data { get; }

        public Layout Whole => Layout.Contiguous(_cumulative[^1], _heads, _size);

        public float[] Part(int sequence) => View(sequence).Gather<float>(Data);

        private Layout View(int sequence)
        {
            int start = _cumulative[sequence];
            return Layout.OfPositions(1, _heads, _cumulative[sequence + 1] - start, _size, _heads * _size, start * _heads * _size);
        }
    }

    private sealed class PackedMemory
    {
        private readonly AttentionProblem<float>[] _problems;
        private readonly int[] _cumulativeQueries;
        private readonly int[] _cumulativeKeys;
        private readonly float[] _logSumExp;

        public PackedMemory(AttentionProblem<float>[] problems, int[] queryLengths, int[] keyLengths)
        {
            _problems = problems;
            _cumulativeQueries = Cumulative(queryLengths);
            _cumulativeKeys = Cumulative(keyLengths);
            _logSumExp = new float[Heads * _cumulativeQueries[^1]];
            Output = new PackedOperand(_cumulativeQueries, Heads, ValueSize);
            QueryGradient = new PackedOperand(_cumulativeQueries, Heads, HeadSize);
            KeyGradient = new PackedOperand(_cumulativeKeys, KeyValueHeads, HeadSize);
            ValueGradient = new PackedOperand(_cumulativeKeys, KeyValueHeads, ValueSize);
        }

        public PackedOperand Output { get; }

        public PackedOperand QueryGradient { get; }

        public PackedOperand KeyGradient { get; }

        public PackedOperand ValueGradient { get; }

        public float[] SinkGradient { get; } = new float[Heads];

        public float[] LogSumExpOf(int sequence) => Rows(sequence).Gather<float>(_logSumExp);

        public void Run<TMask, TModifier>(TMask mask, TModifier modifier, float[] sinks, AttentionOptions options)
            where TMask : struct, IAttentionMask
            where TModifier : struct, IScoreModifier
        {
            PackedOperand query = new(_cumulativeQueries, Heads, HeadSize, _problems.Select(each => each.Query));
            PackedOperand key = new(_cumulativeKeys, KeyValueHeads, HeadSize, _problems.Select(each => each.Key));
            PackedOperand value = new(_cumulativeKeys, KeyValueHeads, ValueSize, _problems.Select(each => each.Value));
            PackedOperand gradient = new(_cumulativeQueries, Heads, ValueSize, _problems.Select(each => each.OutputGradient!));
            float[] sumGradient = new float[_logSumExp.Length];
            for (int sequence = 0; sequence < _problems.Length; sequence++)
            {
                Rows(sequence).Scatter<float>(_problems[sequence].LogSumExpGradient!, sumGradient);
            }

            Layout rows = Layout.Contiguous(Heads, _cumulativeQueries[^1]);
            ScoreTerms terms = new() { SinkLogits = sinks };
            ScaledDotProductAttention.ForwardPacked(
                query.Whole.Read(query.Data),
                key.Whole.Read(key.Data),
                value.Whole.Read(value.Data),
                _cumulativeQueries,
                _cumulativeKeys,
                mask,
                modifier,
                terms,
                Output.Whole.Write(Output.Data),
                rows.Write(_logSumExp),
                options);
            ScaledDotProductAttention.BackwardPacked(
                query.Whole.Read(query.Data),
                key.Whole.Read(key.Data),
                value.Whole.Read(value.Data),
                _cumulativeQueries,
                _cumulativeKeys,
                mask,
                modifier,
                terms,
                Output.Whole.Read(Output.Data),
                rows.Read(_logSumExp),
                gradient.Whole.Read(gradient.Data),
                rows.Read(sumGradient),
                QueryGradient.Whole.Write(QueryGradient.Data),
                KeyGradient.Whole.Write(KeyGradient.Data),
                ValueGradient.Whole.Write(ValueGradient.Data),
                SinkGradient,
                options);
        }

        private Layout Rows(int sequence) => Layout.Strided(
            [Heads, _cumulativeQueries[sequence + 1] - _cumulativeQueries[sequence]], [_cumulativeQueries[^1], 1], _cumulativeQueries[sequence]);

        private static int[] Cumulative(int[] lengths)
        {
            int[] cumulative = new int[lengths.Length + 1];
            for (int i = 0; i < lengths.Length; i++)
            {
                cumulative[i + 1] = cumulative[i] + lengths[i];
            }

            return cumulative;
        }
    }
}
