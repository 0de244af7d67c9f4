using System.Numerics.Tensors;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Gemm;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.PublicApi.Tests;

public sealed class ReadmeExamples
{
    [Fact]
    public void Plain()
    {
        // [batch, heads, length, headSize]
        Tensor<float> query = Tensor.CreateFromShape<float>([2, 8, 128, 64]);
        Tensor<float> key = Tensor.CreateFromShape<float>([2, 8, 128, 64]);
        Tensor<float> value = Tensor.CreateFromShape<float>([2, 8, 128, 64]);
        Tensor<float> output = Tensor.CreateFromShape<float>([2, 8, 128, 64]);
        Tensor.FillGaussianNormalDistribution<float>(query);
        Tensor.FillGaussianNormalDistribution<float>(key);
        Tensor.FillGaussianNormalDistribution<float>(value);

        ScaledDotProductAttention.Forward(query, key, value, output);

        Check(query, key, value, output);
    }

    [Fact]
    public void GroupedHeadsCausalWithLogSumExp()
    {
        Tensor<float> query = Tensor.CreateFromShape<float>([1, 8, 100, 64]);
        Tensor<float> key = Tensor.CreateFromShape<float>([1, 4, 300, 64]);
        Tensor<float> value = Tensor.CreateFromShape<float>([1, 4, 300, 32]);
        Tensor<float> output = Tensor.CreateFromShape<float>([1, 8, 100, 32]);
        Tensor<float> logSumExp = Tensor.CreateFromShape<float>([1, 8, 100]);

        // The last query stands beside the last key: the 200 keys before came earlier.
        CausalMask mask = CausalMask.BottomRight(queryLength: 100, keyLength: 300);
        ScaledDotProductAttention.Forward(query, key, value, mask, default(NoModifier), default, output, logSumExp);

        // Every number is zero, so each row's log-sum-exp is the logarithm of how many keys it sees.
        logSumExp[0, 7, 0].Should().BeApproximately(MathF.Log(201), 1e-5f);
        logSumExp[0, 0, 99].Should().BeApproximately(MathF.Log(300), 1e-5f);
    }

    [Fact]
    public void CombinedMasks()
    {
        (Tensor<float> query, Tensor<float> key, Tensor<float> value, Tensor<float> output) = Problem(96);

        // Three documents side by side in one sequence of 96, each causal in itself.
        int[] documents = [.. Enumerable.Range(0, 96).Select(position => position / 32)];
        AndMask<DocumentMask, CausalMask> mask = new DocumentMask(documents).And(CausalMask.TopLeft);
        ScaledDotProductAttention.Forward(query, key, value, mask, output);

        Check(query, key, value, output, (_, _, row, column) => row / 32 == column / 32 && column <= row);
    }

    [Fact]
    public void OwnMaskAndModifier()
    {
        (Tensor<float> query, Tensor<float> key, Tensor<float> value, Tensor<float> output) = Problem(96);

        ScaledDotProductAttention.Forward(query, key, value, new StridedMask(4), new DistanceDecay(0.1f), default, output, default);

        Check(query, key, value, output, (_, _, row, column) => column <= row && (row - column) % 4 == 0, new DistanceDecayReference(0.1));
    }

    [Fact]
    public void Backward()
    {
        (Tensor<float> query, Tensor<float> key, Tensor<float> value, Tensor<float> output) = Problem(96);
        (Tensor<float> outputGradient, Tensor<float> queryGradient, Tensor<float> keyGradient, Tensor<float> valueGradient) = Problem(96);
        Tensor<float> logSumExp = Tensor.CreateFromShape<float>([2, 3, 96]);
        StridedMask mask = new(4);
        DistanceDecay modifier = new(0.1f);

        ScaledDotProductAttention.Forward(query, key, value, mask, modifier, default, output, logSumExp);
        ScaledDotProductAttention.Backward(
            query, key, value, mask, modifier, default, output, logSumExp, outputGradient, default,
            queryGradient, keyGradient, valueGradient, default);

        AttentionProblem<float> problem = Reference(
            query, key, value, (_, _, row, column) => column <= row && (row - column) % 4 == 0, new DistanceDecayReference(0.1));
        AttentionGradients<double> expected = ReferenceAttention.Backward(problem with { OutputGradient = Numbers(outputGradient) });
        Tolerance.Golden("query gradient", Numbers(queryGradient), expected.Query);
        Tolerance.Golden("key gradient", Numbers(keyGradient), expected.Key);
        Tolerance.Golden("value gradient", Numbers(valueGradient), expected.Value);
    }

    [Fact]
    public void Decode()
    {
        const int Capacity = 4096;
        const int Used = 1000;
        float[] keyCache = new float[8 * Capacity * 64];
        float[] valueCache = new float[8 * Capacity * 64];
        ReadOnlyTensorSpan<float> keys = new(keyCache, [1, 8, Used, 64], [0, Capacity * 64, 64, 1]);
        ReadOnlyTensorSpan<float> values = new(valueCache, [1, 8, Used, 64], [0, Capacity * 64, 64, 1]);

        Tensor<float> query = Tensor.CreateFromShape<float>([1, 32, 1, 64]);
        Tensor<float> output = Tensor.CreateFromShape<float>([1, 32, 1, 64]);
        ScaledDotProductAttention.Forward(query, keys, values, output);

        // Query head 31 reads key head 7, and every key of the used part weighs the same; what lies behind it weighs nothing.
        for (int position = 0; position < Capacity; position++)
        {
            valueCache[(7 * Capacity + position) * 64 + 5] = position < Used ? 2f : float.NaN;
        }

        ScaledDotProductAttention.Forward(query, keys, values, output);
        output[0, 31, 0, 5].Should().BeApproximately(2f, 1e-5f);
        output[0, 27, 0, 5].Should().Be(0f);
    }

    [Fact]
    public void Packed()
    {
        // Sequence 0 has 5 positions, sequence 1 has 12, sequence 2 has 3: [totalLength, heads, headSize].
        int[] starts = [0, 5, 17, 20];
        Tensor<float> query = Tensor.CreateFromShape<float>([20, 8, 64]);
        Tensor<float> key = Tensor.CreateFromShape<float>([20, 8, 64]);
        Tensor<float> value = Tensor.CreateFromShape<float>([20, 8, 64]);
        Tensor<float> output = Tensor.CreateFromShape<float>([20, 8, 64]);
        ScaledDotProductAttention.ForwardPacked(
            query, key, value, starts, starts, CausalMask.TopLeft, default(NoModifier), default, output, default);

        // The first position of a sequence sees itself alone, the second itself and the first.
        value[5, 2, 3] = 1f;
        ScaledDotProductAttention.ForwardPacked(
            query, key, value, starts, starts, CausalMask.TopLeft, default(NoModifier), default, output, default);
        output[4, 2, 3].Should().Be(0f);
        output[5, 2, 3].Should().Be(1f);
        output[6, 2, 3].Should().Be(0.5f);
        output[17, 2, 3].Should().Be(0f);
    }

    [Fact]
    public void Product()
    {
        // output = input weight^T, for a weight stored [out, in]: a view with swapped strides is the transposed matrix.
        float[] weight = new float[30 * 70];
        ReadOnlyTensorSpan<float> transposed = new(weight, [70, 30], [1, 70]);
        Tensor<float> input = Tensor.CreateFromShape<float>([50, 70]);
        Tensor<float> output = Tensor.CreateFromShape<float>([50, 30]);
        MatrixProduct.Multiply(input, transposed, output);

        // One number each: 2 in row 7 of the input meets 3 in row 11 of the weight at step 69.
        input[7, 69] = 2f;
        weight[(11 * 70) + 69] = 3f;
        MatrixProduct.Multiply(input, transposed, output);
        output[7, 11].Should().Be(6f);
        Tensor.Sum<float>(output).Should().Be(6f);
    }

    [Fact]
    public void Training()
    {
        int[] symbols = [3, 1, 4, 1, 5, 9, 2, 6];
        int[] targets = [1, 4, 1, 5, 9, 2, 6, 5];
        List<float> losses = [];

        // A decoder-only Transformer that predicts one of ten symbols at every position.
        using TransformerEncoder model = new(layers: 2, new TransformerOptions
        {
            Attention = new MultiHeadAttentionOptions { ModelSize = 64, Heads = 4 },
            FeedForwardSize = 256,
            NormOrder = NormOrder.Pre,
        });
        using Embedding embedding = new(count: 10, size: 64);
        using Linear head = new(inputSize: 64, outputSize: 10);
        Layer[] layers = [model, embedding, head];
        using Adam optimizer = new(layers.SelectMany(layer => layer.NamedParameters()).Select(entry => entry.Value));
        for (int step = 0; step < 20; step++)
        {
            using Tape tape = new();
            using Variable input = embedding.Forward(symbols, [1, symbols.Length], tape);
            using Variable hidden = model.Forward(input, CausalMask.TopLeft);
            using Variable logits = head.Forward(hidden);
            using Variable loss = Differentiable.CrossEntropy(logits, targets);
            tape.Backward(loss);
            optimizer.Step(learningRate: 1e-3f, maxGradientNorm: 1);
            losses.Add(loss.Data.ToArray()[0]);
        }

        losses[^1].Should().BeLessThan(losses[0] / 2);
    }

    [Fact]
    public void AlignmentOfADecoder()
    {
        using Variable source = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, new float[2 * 12 * 32], 2, 12, 32));
        using Variable state = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, new float[2 * 64], 2, 1, 64));

        // A decoder looks at what an encoder made of two sequences, of 9 and 12 positions. Keys are projected once for all steps.
        int[] lengths = [9, 12];
        using BidirectionalLayer encoder = BidirectionalLayer.Gru(inputSize: 32, hiddenSize: 48);
        using AdditiveAttentionLayer attention = new(new AdditiveAttentionOptions { QuerySize = 64, KeySize = 96, HiddenSize = 48 });
        using RecurrenceResult encoded = encoder.Forward(source, lengths);
        using AdditiveMemory memory = attention.Prepare(encoded.Output, lengths: lengths);
        using Variable context = attention.Forward(state, memory);
        using DeviceTensor weights = attention.Weights(state, memory);

        context.Data.Lengths.ToArray().Should().Equal(2, 1, 96);
        float[] shares = weights.ToArray();
        shares.AsSpan(0, 9).ToArray().Sum().Should().BeApproximately(1, 1e-5f);
        shares.AsSpan(9, 3).ToArray().Should().OnlyContain(share => share == 0);
        shares.AsSpan(12).ToArray().Sum().Should().BeApproximately(1, 1e-5f);
    }

    [Fact]
    public void CachedDecoding()
    {
        Tensor<float> promptKey = Tensor.CreateFromShape<float>([1, 2, 40, 64]);
        Tensor<float> promptValue = Tensor.CreateFromShape<float>([1, 2, 40, 64]);
        Tensor<float> key = Tensor.CreateFromShape<float>([1, 2, 1, 64]);
        Tensor<float> value = Tensor.CreateFromShape<float>([1, 2, 1, 64]);
        Tensor<float> query = Tensor.CreateFromShape<float>([1, 8, 1, 64]);
        Tensor<float> output = Tensor.CreateFromShape<float>([1, 8, 1, 64]);
        Tensor.FillGaussianNormalDistribution<float>(query);
        promptValue.Fill(2);
        value.Fill(43);

        // [batch, heads, length, size]: 40 tokens of a prompt, then one more, whose query comes with its key and value.
        using PagedKvCache cache = new(new KvCacheOptions { KeyValueHeads = 2, HeadSize = 64, Storage = KvStorage.BFloat16 }, pages: 64);
        int sequence = cache.Add();
        cache.Append([sequence], promptKey, promptValue);
        cache.Append([sequence], key, value);
        CachedAttention.Forward(cache, [sequence], query, output);

        // Another answer to the same prompt shares its pages until one of the two writes to them.
        int other = cache.Fork(sequence);
        cache.Trim(other, 40);

        // All keys are zero, so the output is the mean of the values.
        output[0, 0, 0, 0].Should().BeApproximately(3, 1e-5f);
        cache.Length(other).Should().Be(40);
        cache.Length(sequence).Should().Be(41);
    }

    private static (Tensor<float> Query, Tensor<float> Key, Tensor<float> Value, Tensor<float> Output) Problem(int length)
    {
        Tensor<float>[] tensors = new Tensor<float>[4];
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i] = Tensor.CreateFromShape<float>([2, 3, length, 24]);
            Tensor.FillGaussianNormalDistribution<float>(tensors[i], new Random(i));
        }

        return (tensors[0], tensors[1], tensors[2], tensors[3]);
    }

    private static void Check(
        Tensor<float> query, Tensor<float> key, Tensor<float> value, Tensor<float> output,
        ReferenceMask? mask = null, ReferenceModifier? modifier = null) =>
        Tolerance.Golden("output", Numbers(output), ReferenceAttention.Forward(Reference(query, key, value, mask, modifier)).Output);

    private static AttentionProblem<float> Reference(
        Tensor<float> query, Tensor<float> key, Tensor<float> value, ReferenceMask? mask, ReferenceModifier? modifier)
    {
        AttentionShape shape = new(
            (int)query.Lengths[0], (int)query.Lengths[1], (int)key.Lengths[1], (int)query.Lengths[2], (int)key.Lengths[2],
            (int)query.Lengths[3], (int)value.Lengths[3]);
        return new AttentionProblem<float>(shape)
        {
            Query = Numbers(query),
            Key = Numbers(key),
            Value = Numbers(value),
            Mask = mask,
            Modifier = modifier,
        };
    }

    private static float[] Numbers(Tensor<float> tensor)
    {
        float[] numbers = new float[tensor.FlattenedLength];
        tensor.FlattenTo(numbers);
        return numbers;
    }

    public readonly struct StridedMask(int stride) : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key <= query && (query - key) % stride == 0;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
            keys.Start >= queries.End ? TileCoverage.None : TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
            new(0, Math.Min(queries.End, keyLength));
    }

    public readonly struct DistanceDecay(float slope) : IScoreModifier
    {
        public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            TVector distance = TSimd.Abs(TSimd.Subtract(TSimd.Create(query - key), TSimd.Lanes));
            return TSimd.Subtract(score, TSimd.Multiply(TSimd.Create(slope), distance));
        }

        public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged => TSimd.Create(1f);
    }

    private sealed class DistanceDecayReference(double slope) : ReferenceModifier
    {
        public override (T Value, T Derivative) Apply<T>(T score, int batch, int head, int query, int key) =>
            (score - T.CreateChecked(slope * Math.Abs(query - key)), T.One);
    }
}
