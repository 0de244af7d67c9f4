using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;

namespace Attention.PublicApi.Tests;

/// <summary>One forward and backward pass over fixed inputs with a policy of one's own.</summary>
internal sealed class AttentionRun
{
    public const int Batch = 1;
    public const int Heads = 2;
    public const int QueryLength = 71;
    public const int KeyLength = 83;
    public const int Size = 12;

    private static readonly float[] s_query = Numbers(1, Batch * Heads * QueryLength * Size);
    private static readonly float[] s_key = Numbers(2, Batch * Heads * KeyLength * Size);
    private static readonly float[] s_value = Numbers(3, Batch * Heads * KeyLength * Size);
    private static readonly float[] s_outputGradient = Numbers(4, Batch * Heads * QueryLength * Size);

    private AttentionRun()
    {
    }

    public float[] Output { get; } = new float[Batch * Heads * QueryLength * Size];

    public float[] QueryGradient { get; } = new float[Batch * Heads * QueryLength * Size];

    public float[] KeyGradient { get; } = new float[Batch * Heads * KeyLength * Size];

    public float[] ValueGradient { get; } = new float[Batch * Heads * KeyLength * Size];

    public IEnumerable<float[]> Results => [Output, QueryGradient, KeyGradient, ValueGradient];

    public static AttentionRun With<TMask, TModifier>(SimdWidth width, TMask mask, TModifier modifier)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionRun run = new();
        ReadOnlySpan<nint> queryShape = [Batch, Heads, QueryLength, Size];
        ReadOnlySpan<nint> keyShape = [Batch, Heads, KeyLength, Size];
        ReadOnlyTensorSpan<float> query = new(s_query, queryShape);
        ReadOnlyTensorSpan<float> key = new(s_key, keyShape);
        ReadOnlyTensorSpan<float> value = new(s_value, keyShape);
        TensorSpan<float> output = new(run.Output, queryShape);
        TensorSpan<float> logSumExp = new(new float[Batch * Heads * QueryLength], queryShape[..3]);
        AttentionOptions options = new() { Width = width, Scale = 1 };
        ScaledDotProductAttention.Forward(query, key, value, mask, modifier, default, output, logSumExp, options);
        ScaledDotProductAttention.Backward(
            query,
            key,
            value,
            mask,
            modifier,
            default,
            output,
            logSumExp,
            new ReadOnlyTensorSpan<float>(s_outputGradient, queryShape),
            default,
            new TensorSpan<float>(run.QueryGradient, queryShape),
            new TensorSpan<float>(run.KeyGradient, keyShape),
            new TensorSpan<float>(run.ValueGradient, keyShape),
            default,
            options);
        return run;
    }

    /// <summary>The output in double, by plain loops.</summary>
    public static double[] Expected(Func<int, int, int, int, bool> allows, Func<double, int, int, int, double> modify)
    {
        double[] output = new double[Batch * Heads * QueryLength * Size];
        double[] weights = new double[KeyLength];
        for (int row = 0; row < Batch * Heads * QueryLength; row++)
        {
            (int batch, int head, int query) = (row / (Heads * QueryLength), row / QueryLength % Heads, row % QueryLength);
            int firstKey = row / QueryLength * KeyLength;
            for (int key = 0; key < KeyLength; key++)
            {
                double score = 0;
                for (int index = 0; index < Size; index++)
                {
                    score += (double)s_query[(row * Size) + index] * s_key[((firstKey + key) * Size) + index];
                }

                weights[key] = allows(batch, head, query, key) ? Math.Exp(modify(score, head, query, key)) : 0;
            }

            double sum = weights.Sum();
            for (int key = 0; key < KeyLength && sum > 0; key++)
            {
                for (int index = 0; index < Size; index++)
                {
                    output[(row * Size) + index] += weights[key] / sum * s_value[((firstKey + key) * Size) + index];
                }
            }
        }

        return output;
    }

    private static float[] Numbers(int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 2) - 1))];
    }
}
