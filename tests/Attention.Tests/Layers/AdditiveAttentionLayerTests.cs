using System.Text.Json;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>The layer of additive attention: golden numbers, steps, gradients of its parameters, what it refuses.</summary>
public sealed class AdditiveAttentionLayerTests
{
    private static readonly AdditiveAttentionOptions s_options = new() { QuerySize = 3, KeySize = 4, HiddenSize = 2 };

    [Theory]
    [InlineData("bahdanau", false)]
    [InlineData("bahdanau_normed_g0.8", true)]
    public void GoldenNumbers(string name, bool isNormalized)
    {
        using AdditiveAttentionLayer layer = new(s_options with { HasBias = isNormalized, IsNormalized = isNormalized });
        Set(layer, "query.weight", Wave(6, 6));
        Set(layer, "key.weight", Wave(7, 8));
        Set(layer, "score", Wave(8, 2));
        if (isNormalized)
        {
            Set(layer, "query.bias", Wave(9, 2));
            Set(layer, "scale", [0.8f]);
        }

        using Variable query = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, Wave(4, 3), 1, 1, 3));
        using Variable keys = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, Wave(5, 20), 1, 5, 4));
        using AdditiveMemory memory = layer.Prepare(keys);
        using Variable context = layer.Forward(query, memory);
        using DeviceTensor weights = layer.Weights(query, memory, default(NoMask));

        Tolerance.Golden("weights", weights.ToArray(), Golden(name, "a"));
        Tolerance.Golden("context", context.Data.ToArray(), Golden(name, "c"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Steps_GiveTheBitsOfAllQueriesAtOnce(bool isNormalized)
    {
        using AdditiveAttentionLayer layer = new(s_options with { HasBias = true, IsNormalized = isNormalized, Seed = 3 });
        using Variable queries = Variable.Constant(LayerNumbers.Tensor(1, 2, 6, 3));
        using Variable keys = Variable.Constant(LayerNumbers.Tensor(2, 2, 5, 4));
        using AdditiveMemory memory = layer.Prepare(keys);
        KeyLengthMask mask = new([5, 2]);
        using Variable all = layer.Forward(queries, memory, mask);
        for (int step = 0; step < 6; step++)
        {
            using Variable query = queries.Slice(1, step, 1);
            using Variable context = layer.Forward(query, memory, mask);
            using Variable expected = all.Slice(1, step, 1);
            Tolerance.SameBits($"step {step}", context.Data.ToArray(), expected.Data.ToArray());
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void GradientsOfEveryParameter_AreThoseOfDifferences(bool hasBias, bool isNormalized)
    {
        using AdditiveAttentionLayer layer = LayerNumbers.Filled(
            new AdditiveAttentionLayer(s_options with { HasBias = hasBias, IsNormalized = isNormalized }), 7);
        float[] queryNumbers = AttentionProblems.Normal(new Random(1), 2 * 3 * 3);
        float[] keyNumbers = AttentionProblems.Normal(new Random(2), 2 * 5 * 4);
        using Tape tape = new();
        using Variable query = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, queryNumbers, 2, 3, 3));
        using Variable keys = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, keyNumbers, 2, 5, 4));
        using AdditiveMemory memory = layer.Prepare(keys);
        using Variable context = layer.Forward(query, memory, new KeyLengthMask([5, 3]));
        float[] weights = AttentionProblems.Normal(new Random(3), (int)context.Data.Count);
        using DeviceTensor gradient = DeviceTensor.Create(CpuBackend.Shared, weights, context.Data.Lengths);
        Dictionary<string, double[]> numbers = layer.NamedParameters().ToDictionary(entry => entry.Key, entry => LayerNumbers.Doubles(entry.Value.Data));
        double[] queryDoubles = LayerNumbers.Doubles(query.Data);
        double[] keyDoubles = LayerNumbers.Doubles(keys.Data);
        Tolerance.Golden("context", context.Data.ToArray(), Reference());

        tape.Backward(context, gradient);

        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden(name, parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(numbers[name], Loss));
        }

        Tolerance.Golden("query", query.Gradient!.ToArray(), FiniteDifferences.Gradient(queryDoubles, Loss));
        Tolerance.Golden("keys", keys.Gradient!.ToArray(), FiniteDifferences.Gradient(keyDoubles, Loss));

        double Loss() => Reference().Zip(weights, (number, weight) => number * weight).Sum();

        double[] Reference()
        {
            double[] bias = numbers.TryGetValue("query.bias", out double[]? own) ? own : [];
            double[] score = numbers["score"];
            if (numbers.TryGetValue("scale", out double[]? scale))
            {
                double length = Math.Sqrt(score.Sum(x => x * x));
                score = [.. score.Select(x => scale[0] * x / length)];
            }

            return new AdditiveAttentionLoops<double>(new AttentionShape(2, 1, 1, 3, 5, 2, 4))
            {
                Query = ReferenceLinear.Forward(queryDoubles, numbers["query.weight"], bias, 3),
                Key = ReferenceLinear.Forward(keyDoubles, numbers["key.weight"], [], 4),
                ScoreVector = score,
                Value = keyDoubles,
                Mask = static (batch, _, _, key) => key < (batch == 0 ? 5 : 3),
            }.Run()[0].Numbers;
        }
    }

    [Fact]
    public void ThePapersStart_WeighsAllKeysNearlyAlike()
    {
        using AdditiveAttentionLayer layer = new(s_options with { BeginsUniform = true, Seed = 5 });
        using Variable query = Variable.Constant(LayerNumbers.Tensor(1, 1, 2, 3));
        using Variable keys = Variable.Constant(LayerNumbers.Tensor(2, 1, 8, 4));
        using AdditiveMemory memory = layer.Prepare(keys);
        using DeviceTensor weights = layer.Weights(query, memory, default(NoMask));

        weights.ToArray().Should().OnlyContain(x => x == 0.125f);
        LayerNumbers.Parameters(layer)["query.weight"].Should().OnlyContain(x => Math.Abs(x) < 0.01f).And.Contain(x => x != 0);
    }

    [Fact]
    public void AScoreVectorOfZeros_CanBeNormalised()
    {
        using AdditiveAttentionLayer layer = new(s_options with { IsNormalized = true, BeginsUniform = true });
        using Tape tape = new();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, 1, 2, 3));
        using Variable keys = tape.Watch(LayerNumbers.Tensor(2, 1, 3, 4));
        using AdditiveMemory memory = layer.Prepare(keys);
        using Variable context = layer.Forward(query, memory);
        using Variable loss = Differentiable.Sum(context);

        tape.Backward(loss);

        context.Data.ToArray().Should().OnlyContain(x => float.IsFinite(x));
        keys.Gradient!.ToArray().Should().OnlyContain(x => float.IsFinite(x));
    }

    [Fact]
    public void WhatDoesNotFit_IsRefusedByName()
    {
        using AdditiveAttentionLayer layer = new(s_options);
        using Variable query = Variable.Constant(LayerNumbers.Tensor(1, 1, 2, 3));
        using Variable keys = Variable.Constant(LayerNumbers.Tensor(2, 1, 3, 4));
        using Variable others = Variable.Constant(LayerNumbers.Tensor(2, 2, 3, 4));
        using AdditiveMemory memory = layer.Prepare(others);

        FluentActions.Invoking(() => new AdditiveAttentionLayer(s_options with { HiddenSize = 0 })).Should().Throw<ArgumentException>().WithParameterName("options");
        FluentActions.Invoking(() => layer.Prepare(query)).Should().Throw<ArgumentException>().WithParameterName("keys");
        FluentActions.Invoking(() => layer.Prepare(keys, others)).Should().Throw<ArgumentException>().WithParameterName("values");
        FluentActions.Invoking(() => layer.Forward(keys, memory)).Should().Throw<ArgumentException>().WithParameterName("query");
        FluentActions.Invoking(() => layer.Forward(query, memory)).Should().Throw<ArgumentException>().WithParameterName("memory");
    }

    private static void Set(AdditiveAttentionLayer layer, string name, float[] numbers)
    {
        Parameter parameter = layer.NamedParameters().Single(entry => entry.Key == name).Value;
        CpuBackend.Shared.Upload(numbers, parameter.Data);
    }

    private static float[] Wave(int number, int count) => Array.ConvertAll(AttentionProblems.Wave(number, count), static x => (float)x);

    private static double[] Golden(string name, string part)
    {
        string path = RepositoryFiles.Locate("tests/Attention.Tests/Golden/additive.json");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. document.RootElement.GetProperty(name).GetProperty(part).EnumerateArray().Select(static number => number.GetDouble())];
    }
}
