namespace Attention.Tests.Layers;

/// <summary>
/// PyTorch's layers as plain loops in double, with the weights of a fixture: batches of 2, model size 24, 4 heads.
/// </summary>
internal sealed class ReferenceLayers(LayerFixture fixture)
{
    private const int Batch = 2;
    private const int Heads = 4;
    private const int Size = 24;
    private const int HeadSize = Size / Heads;

    /// <summary>A row of inputs times each row of the weight, plus the bias.</summary>
    internal static double[] Linear(double[] input, double[] weight, double[] bias)
    {
        int inputSize = weight.Length / bias.Length;
        return [.. input.Chunk(inputSize).SelectMany(row => bias.Select((b, o) => b + row.Select((x, i) => x * weight[(o * inputSize) + i]).Sum()))];
    }

    /// <summary>nn.MultiheadAttention.</summary>
    /// <param name="prefix">What the names of its weights begin with.</param>
    /// <param name="query">[batch, queries, size].</param>
    /// <param name="key">[batch, keys, size of its own].</param>
    /// <param name="value">[batch, keys, size of its own].</param>
    /// <param name="causal">Whether later keys are hidden.</param>
    /// <param name="hidden">[batch, keys], not 0 where a key is hidden, or null.</param>
    /// <returns>The output, and the attention weights averaged over the heads.</returns>
    internal (double[] Output, double[] Attention) Attend(
        string prefix, double[] query, double[] key, double[] value, bool causal, double[]? hidden)
    {
        double[] queries = Project(prefix, query, "q", 0);
        double[] keys = Project(prefix, key, "k", 1);
        double[] values = Project(prefix, value, "v", 2);
        int queryLength = queries.Length / Size / Batch;
        int keyLength = keys.Length / Size / Batch;
        double[] attention = new double[Batch * queryLength * keyLength];
        double[] joined = new double[queries.Length];
        for (int row = 0; row < Batch * queryLength; row++)
        {
            int batch = row / queryLength;
            for (int head = 0; head < Heads; head++)
            {
                double[] exponentials = new double[keyLength];
                for (int k = 0; k < keyLength; k++)
                {
                    int keyRow = (batch * keyLength) + k;
                    bool allowed = (!causal || k <= row % queryLength) && (hidden is null || hidden[keyRow] == 0);
                    double score = Enumerable.Range(head * HeadSize, HeadSize).Sum(i => queries[(row * Size) + i] * keys[(keyRow * Size) + i]);
                    exponentials[k] = allowed ? Math.Exp(score / Math.Sqrt(HeadSize)) : 0;
                }

                double sum = exponentials.Sum();
                for (int k = 0; k < keyLength; k++)
                {
                    double weight = exponentials[k] / sum;
                    attention[(row * keyLength) + k] += weight / Heads;
                    for (int i = head * HeadSize; i < (head + 1) * HeadSize; i++)
                    {
                        joined[(row * Size) + i] += weight * values[(((batch * keyLength) + k) * Size) + i];
                    }
                }
            }
        }

        return (Linear(joined, fixture.Doubles($"{prefix}out_proj.weight"), fixture.Doubles($"{prefix}out_proj.bias")), attention);
    }

    /// <summary>Normalises the rows of a sum to mean 0 and variance 1, then scales and shifts them.</summary>
    internal double[] AddAndNormalize(string name, double[] input, double[] added)
    {
        double[] scale = fixture.Doubles($"{name}.weight");
        double[] shift = fixture.Doubles($"{name}.bias");
        return
        [
            .. input.Zip(added, (x, y) => x + y).Chunk(scale.Length).SelectMany(row =>
            {
                double mean = row.Average();
                double deviation = Math.Sqrt(row.Average(x => (x - mean) * (x - mean)) + 1e-5);
                return row.Select((x, i) => ((x - mean) / deviation * scale[i]) + shift[i]);
            }),
        ];
    }

    /// <summary>Two projections with an activation between them.</summary>
    internal double[] FeedForward(double[] input, bool gelu)
    {
        double[] hidden = Linear(input, fixture.Doubles("weight.linear1.weight"), fixture.Doubles("weight.linear1.bias"));
        double[] active = [.. hidden.Select(x => gelu ? x * (1 + ErrorFunction(x / Math.Sqrt(2))) / 2 : Math.Max(x, 0))];
        return Linear(active, fixture.Doubles("weight.linear2.weight"), fixture.Doubles("weight.linear2.bias"));
    }

    /// <summary>PyTorch keeps the three projections in one weight if their inputs have one size, and apart if not.</summary>
    private double[] Project(string prefix, double[] input, string letter, int part)
    {
        double[] weight = fixture.Has($"{prefix}in_proj_weight")
            ? fixture.Doubles($"{prefix}in_proj_weight")[(part * Size * Size)..((part + 1) * Size * Size)]
            : fixture.Doubles($"{prefix}{letter}_proj_weight");
        return Linear(input, weight, fixture.Doubles($"{prefix}in_proj_bias")[(part * Size)..((part + 1) * Size)]);
    }

    /// <summary>erf x = 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...): no term has another sign, so nothing cancels.</summary>
    private static double ErrorFunction(double x)
    {
        double term = x;
        double sum = x;
        for (int n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}
