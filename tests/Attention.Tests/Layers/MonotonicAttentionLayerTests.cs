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

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Forward_AgreesWithDouble(int chunkWidth)
    {
        using MonotonicAttentionLayer layer = LayerNumbers.Filled(Layer(chunkWidth, noise: 0), 5);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, Queries, QuerySize));
        using Variable memory = tape.Watch(LayerNumbers.Tensor(2, Batch, Keys, MemorySize));
        using Variable output = layer.Forward(query, memory, new KeyLengthMask([Keys, 5]));
        double[] queries = LayerNumbers.Doubles(query.Data);
        double[] memories = LayerNumbers.Doubles(memory.Data);
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
        double[] Forward() => Reference(weights, queries, memories, chunkWidth);
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
    [InlineData(1)]
    [InlineData(3)]
    public void Steps_AreTheHardForward(int chunkWidth)
    {
        using MonotonicAttentionLayer layer = LayerNumbers.Filled(Layer(chunkWidth), 5, 0.8f);
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

        kept.Positions.ToArray().Should().OnlyContain(position => position > 0 && position <= Keys);
    }

    [Fact]
    public void Noise_IsForTrainingAlone()
    {
        using MonotonicAttentionLayer layer = Layer(1, noise: 2);
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

    [Fact]
    public void SaveAndLoad_KeepEveryBit()
    {
        using var folder = new TemporaryFolder();
        using MonotonicAttentionLayer saved = LayerNumbers.Filled(Layer(3), 5);
        using MonotonicAttentionLayer loaded = Layer(3);
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
        using MonotonicAttentionLayer layer = Layer(3);
        Dictionary<string, float[]> parameters = LayerNumbers.Parameters(layer);
        parameters.Keys.Should().Equal(
            "gain", "offset", "query.weight", "memory.weight", "chunk_query.weight", "chunk_memory.weight");
        parameters["gain"].Should().Equal(1 / MathF.Sqrt(EnergySize));
        parameters["offset"].Should().Equal(-4);
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        using MonotonicAttentionLayer layer = Layer(1);
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
        Refused(() => Layer(0), "options");
        Refused(() => Layer(1, noise: -1), "options");

        static void Refused(Action call, string parameter) => call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static MonotonicAttentionLayer Layer(int chunkWidth, float noise = 1) => new(new MonotonicAttentionOptions
    {
        QuerySize = QuerySize,
        MemorySize = MemorySize,
        EnergySize = EnergySize,
        ChunkWidth = chunkWidth,
        Noise = noise,
    });

    private static double[] Reference(Dictionary<string, double[]> weights, double[] queries, double[] memories, int chunkWidth)
    {
        double[] output = new double[Batch * Queries * MemorySize];
        for (int batch = 0; batch < Batch; batch++)
        {
            bool Allows(int query, int key) => key < (batch == 0 ? Keys : 5);
            double[] query = queries[(batch * Queries * QuerySize)..((batch + 1) * Queries * QuerySize)];
            double[] memory = memories[(batch * Keys * MemorySize)..((batch + 1) * Keys * MemorySize)];
            double[] energies = Energies("query.weight", "memory.weight", weights["gain"][0], weights["offset"][0]);
            double[] shares = MonotonicLoops.Alignment(energies, Keys, Allows);
            if (chunkWidth > 1)
            {
                shares = MonotonicLoops.Chunks(
                    shares, Energies("chunk_query.weight", "chunk_memory.weight", 1 / Math.Sqrt(EnergySize), 0), Keys, chunkWidth, Allows);
            }

            for (int i = 0; i < Queries * Keys; i++)
            {
                for (int c = 0; c < MemorySize; c++)
                {
                    output[(((batch * Queries) + (i / Keys)) * MemorySize) + c] += shares[i] * memory[(i % Keys * MemorySize) + c];
                }
            }

            double[] Energies(string queryName, string memoryName, double gain, double offset)
            {
                double[] left = Project(query, weights[queryName], QuerySize);
                double[] right = Project(memory, weights[memoryName], MemorySize);
                return [.. Enumerable.Range(0, Queries * Keys).Select(pair => offset + (gain * Enumerable.Range(0, EnergySize)
                    .Sum(c => left[(pair / Keys * EnergySize) + c] * right[(pair % Keys * EnergySize) + c])))];
            }
        }

        return output;
    }

    private static double[] Project(double[] rows, double[] weight, int size) =>
        [.. Enumerable.Range(0, rows.Length / size * EnergySize).Select(place => Enumerable.Range(0, size)
            .Sum(c => rows[(place / EnergySize * size) + c] * weight[(place % EnergySize * size) + c]))];
}
