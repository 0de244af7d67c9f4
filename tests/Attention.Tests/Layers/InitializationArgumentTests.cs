using System.Numerics.Tensors;
using Attention.Layers;
using Attention.Numerics;

namespace Attention.Tests.Layers;

public class InitializationArgumentTests
{
    private static readonly PhiloxRandom s_random = new(1);

    private delegate void Call(Span<float> span, in TensorSpan<float> tensor);

    private static (string Parameter, Call Span, Call Tensor)[] Refused { get; } =
    [
        ("low", (s, in _) => Initialization.Uniform(s, s_random, float.NaN, 1), (_, in t) => Initialization.Uniform(t, s_random, float.NaN, 1)),
        ("high", (s, in _) => Initialization.Uniform(s, s_random, 1, 0.5f), (_, in t) => Initialization.Uniform(t, s_random, 1, 0.5f)),
        ("high", (s, in _) => Initialization.Uniform(s, s_random, -3e38f, 3e38f), (_, in t) => Initialization.Uniform(t, s_random, -3e38f, 3e38f)),
        ("high", (s, in _) => Initialization.Uniform(s, s_random, 0, float.NaN), (_, in t) => Initialization.Uniform(t, s_random, 0, float.NaN)),
        ("mean", (s, in _) => Initialization.Normal(s, s_random, float.NaN), (_, in t) => Initialization.Normal(t, s_random, float.NaN)),
        ("deviation", (s, in _) => Initialization.Normal(s, s_random, 0, -1), (_, in t) => Initialization.Normal(t, s_random, 0, -1)),
        ("mean", (s, in _) => Initialization.TruncatedNormal(s, s_random, float.NegativeInfinity), (_, in t) => Initialization.TruncatedNormal(t, s_random, float.NegativeInfinity)),
        ("deviation", (s, in _) => Initialization.TruncatedNormal(s, s_random, 0, float.NaN), (_, in t) => Initialization.TruncatedNormal(t, s_random, 0, float.NaN)),
        ("limit", (s, in _) => Initialization.TruncatedNormal(s, s_random, 0, 1, 0.09f), (_, in t) => Initialization.TruncatedNormal(t, s_random, 0, 1, 0.09f)),
        ("limit", (s, in _) => Initialization.TruncatedNormal(s, s_random, 0, 1, float.NaN), (_, in t) => Initialization.TruncatedNormal(t, s_random, 0, 1, float.NaN)),
        ("fanIn", (s, in _) => Initialization.GlorotUniform(s, s_random, 0, 1), (_, in t) => Initialization.GlorotUniform(t, s_random, 0, 1)),
        ("fanOut", (s, in _) => Initialization.GlorotUniform(s, s_random, 1, -1), (_, in t) => Initialization.GlorotUniform(t, s_random, 1, -1)),
        ("gain", (s, in _) => Initialization.GlorotUniform(s, s_random, 1, 1, -1), (_, in t) => Initialization.GlorotUniform(t, s_random, 1, 1, -1)),
        ("fanIn", (s, in _) => Initialization.GlorotNormal(s, s_random, -5, 1), (_, in t) => Initialization.GlorotNormal(t, s_random, -5, 1)),
        ("fanOut", (s, in _) => Initialization.GlorotNormal(s, s_random, 1, 0), (_, in t) => Initialization.GlorotNormal(t, s_random, 1, 0)),
        ("gain", (s, in _) => Initialization.GlorotNormal(s, s_random, 1, 1, float.NaN), (_, in t) => Initialization.GlorotNormal(t, s_random, 1, 1, float.NaN)),
        ("fanIn", (s, in _) => Initialization.HeNormal(s, s_random, 0), (_, in t) => Initialization.HeNormal(t, s_random, 0)),
        ("gain", (s, in _) => Initialization.Orthogonal(s, s_random, 2, 3, float.PositiveInfinity), (_, in t) => Initialization.Orthogonal(t, s_random, float.PositiveInfinity)),
        ("rows", (s, in _) => Initialization.Orthogonal(s, s_random, -2, -3), (_, in _) => Initialization.Orthogonal([], s_random, -1, 0)),
        ("columns", (s, in _) => Initialization.Orthogonal(s, s_random, 2, -3), (_, in _) => Initialization.Orthogonal([], s_random, 0, -1)),
        ("destination", (s, in _) => Initialization.Orthogonal(s, s_random, 2, 4), (s, in _) => Initialization.Orthogonal(new TensorSpan<float>(s, [6], []), s_random)),
        ("destination", (s, in _) => Initialization.Orthogonal(new TensorSpan<float>(s, [3, 2], [1, 3]), s_random), (s, in _) => Initialization.Normal(new TensorSpan<float>(s, [3, 2], [1, 3]), s_random)),
    ];

    [Fact]
    public void Bad_input_is_refused_by_name_and_nothing_is_written()
    {
        for (int i = 0; i < Refused.Length; i++)
        {
            foreach (Call call in (Call[])[Refused[i].Span, Refused[i].Tensor])
            {
                float[] memory = [7, 7, 7, 7, 7, 7];
                Action act = () => call(memory, new TensorSpan<float>(memory, [2, 3], []));
                act.Should().Throw<ArgumentException>("call {0} is wrong", i).Which.ParamName.Should().Be(Refused[i].Parameter);
                memory.Should().OnlyContain(number => number == 7);
            }
        }
    }

    [Fact]
    public void An_empty_destination_is_left_alone()
    {
        Initialization.Normal([], s_random);
        Initialization.Orthogonal([], s_random, 0, 0);
        Action empty = () => Initialization.Uniform(new TensorSpan<float>(new float[6], [2, 0, 3], []), s_random, 0, 1);
        Action none = () => Initialization.Uniform(default(TensorSpan<float>), s_random, 0, 1);
        empty.Should().NotThrow();
        none.Should().NotThrow();
    }
}
