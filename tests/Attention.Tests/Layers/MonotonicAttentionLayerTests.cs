using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>The layer of monotonic attention: soft with its gradients, hard at once and step by step.</summary>
public class MonotonicAttentionLayerTests
{
    private const int Batch = 2;
    private const int Queries = 4;
    private const int Keys = 7;
    private const int QuerySize = 3;
    private const int MemorySize = 5;
    private const int EnergySize = 6;

    public static TheoryData<MonotonicEnergy, int> Kinds => new()
    {
        { MonotonicEnergy.Product, 1 },
        { MonotonicEnergy.Product, 3 },
        { MonotonicEnergy.Additive, 1 },
        { MonotonicEnergy.Additive, 3 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_AgreesWithDouble(MonotonicEnergy energy, int chunkWidth)
    {
        using MonotonicAttentionLayer layer = LayerNumbers.Filled(Layer(energy, chunkWidth, noise: 0), 5);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Queries, QuerySize));
        using Variable memory = tape.Watch(LayerNumbers.Tensor(2, Batch, Keys, MemorySize));
        using Variable output = layer.Forward(query, memory, new KeyLengthMask([Keys, 5]));
        double[] queries = LayerNumbers.Doubles(query.Data);
        double[] memories = LayerNumbers.Doubles(memory.Data);
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
        double[] Forward() => Reference(weights, queries, memories, energy, chunkWidth);
        Tolerance.Golden("output", output.Data.ToArray(), Forward());
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => Forward().Zip(factors, (x, y) => x * y).Sum();

        tape.Backward(output, gradient);

        Tolerance.Golden("query", query.Gradient!.ToArray(), FiniteDifferences.Gradient(queries, Loss));
        Tolerance.Golden("memory", memory.Gradient!.ToArray(), FiniteDifferences.Gradient(memories, Loss));
        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden(name, parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(weights[name], Loss));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Steps_AreTheHardForward(MonotonicEnergy energy, int chunkWidth)
    {
        using MonotonicAttentionLayer layer = Stopping(LayerNumbers.Filled(Layer(energy, chunkWidth), 5, 0.8f));
        using Variable query = LayerNumbers.Input(1, Batch, 9, QuerySize);
        using Variable memory = LayerNumbers.Input(2, Batch, Keys, MemorySize);
        using Variable whole = layer.ForwardHard(query, memory, new KeyLengthMask([Keys, 5]));
        using MonotonicMemory kept = layer.Remember(memory, [Keys, 5]);
        float[] expected = whole.Data.ToArray();
        expected.Should().Contain(number => number != 0);

        for (int i = 0; i < 9; i++)
        {
            using Variable rows = query.Slice(1, i, 1);
            using Variable row = rows.Reshape(Batch, QuerySize);
            using Variable context = layer.Step(row, kept);
            float[] numbers = context.Data.ToArray();
            for (int batch = 0; batch < Batch; batch++)
            {
                Tolerance.Reordered(
                    $"step {i}", numbers.AsSpan(batch * MemorySize, MemorySize), expected.AsSpan(((batch * 9) + i) * MemorySize, MemorySize));
            }
        }

        kept.Positions.ToArray().Should().OnlyContain(position => position <= Keys).And.Contain(position => position > 0);
    }

    [Fact]
    public void Noise_IsForTrainingAlone()
    {
        using MonotonicAttentionLayer layer = Layer(MonotonicEnergy.Additive, 1, noise: 2);
        using DeviceTensor query = LayerNumbers.Tensor(1, Batch, Queries, QuerySize);
        using DeviceTensor memory = LayerNumbers.Tensor(2, Batch, Keys, MemorySize);
        float[] Run(bool isTraining)
        {
            using var tape = new Tape(isTraining: isTraining);
            using Variable queries = tape.Watch(query.Share());
            using Variable memories = tape.Watch(memory.Share());
            return LayerNumbers.Take(layer.Forward(queries, memories, default(NoMask)));
        }

        using Variable plainQuery = Variable.Constant(query.Share());
        using Variable plainMemory = Variable.Constant(memory.Share());
        float[] plain = LayerNumbers.Take(layer.Forward(plainQuery, plainMemory, default(NoMask)));
        Tolerance.SameBits("testing", Run(isTraining: false), plain);
        Run(isTraining: true).Should().NotEqual(plain);
        Tolerance.SameBits("the same seed", Run(isTraining: true), Run(isTraining: true));
    }

    /// <summary>The score vector of stopping counts by its direction alone, that within chunks does not.</summary>
    [Fact]
    public void ALongerScoreVector_ChangesChunksAlone()
    {
        using MonotonicAttentionLayer layer = LayerNumbers.Filled(Layer(MonotonicEnergy.Additive, 3), 5);
        using Variable query = LayerNumbers.Input(1, Batch, Queries, QuerySize);
        using Variable memory = LayerNumbers.Input(2, Batch, Keys, MemorySize);
        Dictionary<string, Parameter> parameters = layer.NamedParameters().ToDictionary();
        float[] before = LayerNumbers.Take(layer.Forward(query, memory, default(NoMask)));

        Double("score");
        Tolerance.Reordered("stopping", LayerNumbers.Take(layer.Forward(query, memory, default(NoMask))), before, 64);
        Double("chunk_score");
        LayerNumbers.Take(layer.Forward(query, memory, default(NoMask))).Zip(before, (x, y) => Math.Abs(x - y)).Max().Should().BeGreaterThan(1e-3f);

        void Double(string name) => LayerNumbers.Set(parameters[name], Array.ConvertAll(parameters[name].Data.ToArray(), number => 2 * number));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SaveAndLoad_KeepEveryBit(MonotonicEnergy energy, int chunkWidth)
    {
        using var folder = new TemporaryFolder();
        using MonotonicAttentionLayer saved = LayerNumbers.Filled(Layer(energy, chunkWidth), 5);
        using MonotonicAttentionLayer loaded = Layer(energy, chunkWidth);
        saved.Save(folder.File("layer.safetensors"));
        loaded.Load(folder.File("layer.safetensors"));
        foreach ((string name, float[] values) in LayerNumbers.Parameters(loaded))
        {
            Tolerance.SameBits(name, values, LayerNumbers.Parameters(saved)[name]);
        }
    }

    [Fact]
    public void TheBeginning_IsThatOfThePaper()
    {
        using MonotonicAttentionLayer layer = Layer(MonotonicEnergy.Product, 3);
        Dictionary<string, float[]> parameters = LayerNumbers.Parameters(layer);
        parameters.Keys.Should().Equal(
            "gain", "offset", "query.weight", "memory.weight", "chunk_query.weight", "chunk_memory.weight");
        parameters["gain"].Should().Equal(1 / MathF.Sqrt(EnergySize));
        parameters["offset"].Should().Equal(-4);

        using MonotonicAttentionLayer additive = Layer(MonotonicEnergy.Additive, 3);
        Dictionary<string, float[]> others = LayerNumbers.Parameters(additive);
        others.Keys.Should().Equal(
            "gain", "offset", "bias", "score", "chunk_bias", "chunk_score",
            "query.weight", "memory.weight", "chunk_query.weight", "chunk_memory.weight");
        others["gain"].Should().Equal(1 / MathF.Sqrt(EnergySize));
        others["bias"].Concat(others["chunk_bias"]).Should().OnlyContain(number => number == 0);
        float bound = MathF.Sqrt(6f / (EnergySize + 1));
        others["score"].Concat(others["chunk_score"]).Should().OnlyContain(number => number != 0 && Math.Abs(number) <= bound);
        others["score"].Should().NotEqual(others["chunk_score"]);
        foreach ((string name, float[] values) in parameters)
        {
            Tolerance.SameBits($"{name} begins alike", others[name], values);
        }
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        using MonotonicAttentionLayer layer = Layer(MonotonicEnergy.Product, 1);
        using Variable query = LayerNumbers.Input(1, Batch, Queries, QuerySize);
        using Variable memory = LayerNumbers.Input(2, Batch, Keys, MemorySize);
        using Variable other = LayerNumbers.Input(2, 3, Keys, MemorySize);
        using MonotonicMemory kept = layer.Remember(memory);
        Refused(() => layer.Forward(memory, memory, default(NoMask)), "query");
        Refused(() => layer.Forward(query, query, default(NoMask)), "memory");
        Refused(() => layer.Forward(query, other, default(NoMask)), "memory");
        Refused(() => layer.Remember(query), "memory");
        Refused(() => layer.Remember(memory, [1]), "lengths");
        Refused(() => layer.Remember(memory, [1, 8]), "lengths");
        Refused(() => layer.Step(query, kept), "query");
        Refused(() => layer.Forward(query, memory, new KeyLengthMask([1])), "mask");
        Refused(() => layer.ForwardHard(query, memory, new KeyLengthMask(Keys + 1)), "mask");
        Refused(() => Layer(MonotonicEnergy.Product, 0), "options");
        Refused(() => Layer(MonotonicEnergy.Product, 1, noise: -1), "options");
        Refused(() => Layer((MonotonicEnergy)2, 1), "options");

        static void Refused(Action call, string parameter) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    /// <summary>Energies on both sides of zero, so that a hard scan stops here and there.</summary>
    internal static MonotonicAttentionLayer Stopping(MonotonicAttentionLayer layer)
    {
        Dictionary<string, Parameter> parameters = layer.NamedParameters().ToDictionary();
        LayerNumbers.Set(parameters["gain"], [2f]);
        LayerNumbers.Set(parameters["offset"], [-0.3f]);
        return layer;
    }

    private static MonotonicAttentionLayer Layer(MonotonicEnergy energy, int chunkWidth, float noise = 1) => new(new MonotonicAttentionOptions
    {
        Energy = energy,
        QuerySize = QuerySize,
        MemorySize = MemorySize,
        EnergySize = EnergySize,
        ChunkWidth = chunkWidth,
        Noise = noise,
    });

    private static double[] Reference(Dictionary<string, double[]> weights, double[] queries, double[] memories, MonotonicEnergy energy, int chunkWidth)
    {
        // Additive energies of stopping have a score vector of length 1, times the gain.
        double length = energy == MonotonicEnergy.Additive ? Math.Sqrt(weights["score"].Sum(number => number * number)) : 1;
        double[] output = new double[Batch * Queries * MemorySize];
        for (int batch = 0; batch < Batch; batch++)
        {
            bool Allows(int query, int key) => key < (batch == 0 ? Keys : 5);
            double[] query = queries[(batch * Queries * QuerySize)..((batch + 1) * Queries * QuerySize)];
            double[] memory = memories[(batch * Keys * MemorySize)..((batch + 1) * Keys * MemorySize)];
            double[] energies = Energies("", weights["gain"][0] / length, weights["offset"][0]);
            double[] shares = MonotonicLoops.Alignment(energies, Keys, Allows);
            if (chunkWidth > 1)
            {
                double factor = energy == MonotonicEnergy.Additive ? 1 : 1 / Math.Sqrt(EnergySize);
                shares = MonotonicLoops.Chunks(shares, Energies("chunk_", factor, 0), Keys, chunkWidth, Allows);
            }

            for (int i = 0; i < Queries * Keys; i++)
            {
                for (int c = 0; c < MemorySize; c++)
                {
                    output[(((batch * Queries) + (i / Keys)) * MemorySize) + c] += shares[i] * memory[(i % Keys * MemorySize) + c];
                }
            }

            double[] Energies(string prefix, double gain, double offset)
            {
                double[] left = Project(query, weights[$"{prefix}query.weight"], QuerySize);
                double[] right = Project(memory, weights[$"{prefix}memory.weight"], MemorySize);
                return [.. Enumerable.Range(0, Queries * Keys).Select(pair => offset + (gain * Enumerable.Range(0, EnergySize)
                    .Sum(c => Term(prefix, c, left[(pair / Keys * EnergySize) + c], right[(pair % Keys * EnergySize) + c]))))];
            }
        }

        double Term(string prefix, int c, double left, double right) => energy == MonotonicEnergy.Additive
            ? weights[$"{prefix}score"][c] * Math.Tanh(left + right + weights[$"{prefix}bias"][c])
            : left * right;

        return output;
    }

    private static double[] Project(double[] rows, double[] weight, int size) =>
        [.. Enumerable.Range(0, rows.Length / size * EnergySize).Select(place => Enumerable.Range(0, size)
            .Sum(c => rows[(place / EnergySize * size) + c] * weight[(place % EnergySize * size) + c]))];
}
