using System.Numerics.Tensors;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>The biases of positions as layers: the numbers of the static functions, and gradients through attention.</summary>
public class PositionBiasLayerTests
{
    private const int Heads = 3;
    private const int HeadSize = 4;
    private const int ModelSize = Heads * HeadSize;
    private const int Batch = 2;

    [Theory]
    [InlineData(7, 7, 0, true)]
    [InlineData(1, 9, 8, false)]
    [InlineData(5, 300, -3, true)]
    [InlineData(5, 3, int.MaxValue, true)]
    public void RelativeBias_IsThatOfTheFunction(int queryLength, int keyLength, int offset, bool bidirectional)
    {
        var buckets = new RelativeBuckets(bidirectional);
        using var layer = new RelativeBias(buckets, Heads, deviation: 1, seed: 3);
        float[] expected = new float[Heads * queryLength * keyLength];
        RelativePositionBias.Forward(
            new ReadOnlyTensorSpan<float>(layer.Weight.Data.ToArray(), [32, Heads]), buckets,
            new TensorSpan<float>(expected, [Heads, queryLength, keyLength]), offset);

        using Variable bias = layer.Forward(queryLength, keyLength, offset);

        bias.Data.Lengths.ToArray().Should().Equal(1, Heads, queryLength, keyLength);
        Tolerance.SameBits("bias", bias.Data.ToArray(), expected);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(7, 5)]
    public void WindowBias_IsThatOfTheFunction(int height, int width)
    {
        using var layer = new WindowBias(height, width, Heads, deviation: 1, seed: 4);
        int cells = height * width;
        float[] expected = new float[Heads * cells * cells];
        WindowPositionBias.Forward(
            new ReadOnlyTensorSpan<float>(layer.Weight.Data.ToArray(), [((2 * height) - 1) * ((2 * width) - 1), Heads]), height, width,
            new TensorSpan<float>(expected, [Heads, cells, cells]));

        using Variable bias = layer.Forward();

        bias.Data.Lengths.ToArray().Should().Equal(1, Heads, cells, cells);
        Tolerance.SameBits("bias", bias.Data.ToArray(), expected);
    }

    [Fact]
    public void Parameters_HaveTheNamesOfCheckpoints()
    {
        using var relative = new RelativeBias(new RelativeBuckets(), 2);
        using var window = new WindowBias(2, 3, 2);

        relative.NamedParameters().Select(named => named.Key).Should().Equal("weight");
        window.NamedParameters().Select(named => named.Key).Should().Equal("relative_position_bias_table");
    }

    [Fact]
    public void RelativeBias_HasItsGradientThroughAttention()
    {
        var buckets = new RelativeBuckets(true, 8, 6);
        using var layer = new RelativeBias(buckets, Heads, deviation: 1, seed: 5);

        CheckGradient(layer.Weight, 6, tape => layer.Forward(6, 6, 0, tape), (query, key) => buckets.Bucket(key - query));
    }

    [Fact]
    public void WindowBias_HasItsGradientThroughAttention()
    {
        using var layer = new WindowBias(2, 3, Heads, deviation: 1, seed: 6);

        CheckGradient(layer.Weight, 6, layer.Forward, (query, key) => PositionLoops.WindowRow(2, 3, query, key));
    }

    /// <summary>Two layers of a stack read one table: the gradients add up, as they do over two tapes.</summary>
    [Fact]
    public void Gradients_OfTwoUsesAddUp()
    {
        using var layer = new RelativeBias(new RelativeBuckets(false, 4, 8), Heads);
        using var tape = new Tape();
        using Variable first = layer.Forward(3, 3, 0, tape);
        using Variable second = layer.Forward(3, 3, 0, tape);
        using Variable both = Differentiable.Add(first, second);
        using Variable loss = Differentiable.Sum(both);

        tape.Backward(loss);

        // Of nine pairs six have no distance back, two one step and one two steps.
        layer.Weight.Gradient!.ToArray().Should().Equal(12, 12, 12, 4, 4, 4, 2, 2, 2, 0, 0, 0);
    }

    [Fact]
    public void Constructors_NameWhatTheyRefuse()
    {
        FluentActions.Invoking(() => new RelativeBias(null!, 2)).Should().Throw<ArgumentNullException>().WithParameterName("buckets");
        FluentActions.Invoking(() => new RelativeBias(new RelativeBuckets(), 0)).Should().Throw<ArgumentException>().WithParameterName("heads");
        FluentActions.Invoking(() => new WindowBias(0, 2, 2)).Should().Throw<ArgumentException>().WithParameterName("height");
        FluentActions.Invoking(() => new WindowBias(2, -1, 2)).Should().Throw<ArgumentException>().WithParameterName("width");
        FluentActions.Invoking(() => new WindowBias(2, 2, 0)).Should().Throw<ArgumentException>().WithParameterName("heads");
        using var layer = new RelativeBias(new RelativeBuckets(), 2);
        FluentActions.Invoking(() => layer.Forward(0, 2)).Should().Throw<ArgumentException>().WithParameterName("queryLength");
        FluentActions.Invoking(() => layer.Forward(2, -1)).Should().Throw<ArgumentException>().WithParameterName("keyLength");
    }

    /// <summary>
    /// With projections that change nothing the layer of attention is attention itself, which the reference computes in double
    /// with the table moved a little.
    /// </summary>
    private static void CheckGradient(Parameter table, int length, Func<Tape, Variable> bias, Func<int, int, int> rowOf)
    {
        using var attention = new MultiHeadAttention(ModelSize, Heads);
        foreach ((string name, Parameter parameter) in attention.NamedParameters())
        {
            parameter.Data.Backend.Upload(Identities(name, (int)parameter.Data.Count), parameter.Data);
        }

        float[] numbers = AttentionProblems.Normal(new Random(8), Batch * length * ModelSize);
        float[] outputGradient = AttentionProblems.Normal(new Random(9), numbers.Length);
        using var tape = new Tape();
        using Variable input = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, numbers, Batch, length, ModelSize));
        using Variable added = bias(tape);
        using Variable output = attention.Forward(input, input, input, default(NoMask), default(NoModifier), added);
        using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, outputGradient, Batch, length, ModelSize);
        tape.Backward(output, gradient);

        double[] byHead = ByHead(numbers, length);
        double[] weights = ByHead(outputGradient, length);
        double[] moved = Array.ConvertAll(table.Data.ToArray(), number => (double)number);
        double[] numerical = FiniteDifferences.Gradient(moved, () => ReferenceAttention.Forward(
            new AttentionProblem<double>(new AttentionShape(Batch, Heads, Heads, length, length, HeadSize, HeadSize))
            {
                Query = byHead,
                Key = byHead,
                Value = byHead,
                Bias = PositionLoops.Bias(moved, Heads, length, length, rowOf),
                BiasShape = [1, Heads, length, length],
            }).Output.Zip(weights, (number, weight) => number * weight).Sum());
        Tolerance.Golden("gradient of the table", table.Gradient!.ToArray(), numerical);
    }

    /// <summary>Identity matrices one below the other for a weight, zeros for a bias.</summary>
    private static float[] Identities(string name, int count)
    {
        float[] values = new float[count];
        for (int row = 0; name.EndsWith("weight", StringComparison.Ordinal) && row < count / ModelSize; row++)
        {
            values[(row * ModelSize) + (row % ModelSize)] = 1;
        }

        return values;
    }

    /// <summary>[batch, length, heads headSize] as [batch, heads, length, headSize].</summary>
    private static double[] ByHead(float[] joined, int length)
    {
        double[] apart = new double[joined.Length];
        for (int i = 0; i < joined.Length; i++)
        {
            int position = i / ModelSize;
            int head = i % ModelSize / HeadSize;
            apart[(((((position / length) * Heads) + head) * length) + (position % length)) * HeadSize + (i % HeadSize)] = joined[i];
        }

        return apart;
    }
}
