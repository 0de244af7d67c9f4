using Attention.Layers;

namespace Attention.TestKit;

/// <summary>
/// Luong's attention in double, with plain loops over one target step after the other; the weights by the names of the layer.
/// </summary>
public sealed record ReferenceLuong(int QuerySize, int MemorySize, LuongScore Score, LuongAlignment Alignment)
{
    /// <summary>Parameters by name.</summary>
    public required Dictionary<string, double[]> Weights { get; init; }

    /// <summary>D.</summary>
    public int HalfWidth { get; init; } = 10;

    /// <summary>Whether location weights are cut after the softmax.</summary>
    public bool IsCutAfterSoftmax { get; init; }

    /// <summary>Real source states of each sentence; null for all.</summary>
    public int[]? Lengths { get; init; }

    /// <summary>Which states a step may attend to besides; null for all. Not asked about places of location beyond a sentence.</summary>
    public Func<int, int, int, bool>? Mask { get; init; }

    /// <summary>Computes the attentional vectors, <c>[batch, steps, outputSize]</c>.</summary>
    public double[] Forward(double[] queries, double[] states, int batch) => Run(queries, states, batch).Output;

    /// <summary>Computes attentional vectors, weights <c>[batch, steps, length]</c> and contexts <c>[batch, steps, memorySize]</c>.</summary>
    public (double[] Output, double[] Weights, double[] Context) Run(double[] queries, double[] states, int batch)
    {
        int steps = queries.Length / (batch * QuerySize);
        int length = states.Length / (batch * MemorySize);
        List<double> output = [];
        List<double> weights = [];
        List<double> contexts = [];
        for (int row = 0; row < batch * steps; row++)
        {
            (int sentence, int step) = Math.DivRem(row, steps);
            double[] query = queries[(row * QuerySize)..((row + 1) * QuerySize)];
            double[][] sources = [.. Enumerable.Range(sentence * length, length).Select(key => states[(key * MemorySize)..((key + 1) * MemorySize)])];
            double[] aligned = Align(query, sources, sentence, step);
            double[] context = new double[MemorySize];
            for (int key = 0; key < length; key++)
            {
                for (int c = 0; c < MemorySize && aligned[key] != 0; c++)
                {
                    context[c] += aligned[key] * sources[key][c];
                }
            }

            weights.AddRange(aligned);
            contexts.AddRange(context);
            output.AddRange(Product(Weights["combine.weight"], [.. context, .. query]).Select(Math.Tanh));
        }

        return ([.. output], [.. weights], [.. contexts]);
    }

    /// <summary>Where local-p looks for one target state.</summary>
    public double Position(double[] query, int length)
    {
        double[] hidden = [.. Product(Weights["position.weight"], query).Select(Math.Tanh)];
        return length / (1 + Math.Exp(-Dot(Weights["position.score"], hidden)));
    }

    private double[] Align(double[] query, double[][] sources, int sentence, int step)
    {
        int length = Lengths is null ? sources.Length : Lengths[sentence];
        double position = Alignment switch
        {
            LuongAlignment.LocalMonotonic => step,
            LuongAlignment.LocalPredictive => Position(query, length),
            _ => 0,
        };
        double middle = Math.Clamp(Math.Floor(position), 0, Math.Max(0, length - 1));
        double[] location = Score == LuongScore.Location ? Product(Weights["attention.weight"], query) : [];
        bool Sees(int key) => (key >= length || Mask is null || Mask(sentence, step, key)) && (Alignment == LuongAlignment.Global || Math.Abs(key - middle) <= HalfWidth);

        int places = Score == LuongScore.Location ? (IsCutAfterSoftmax ? location.Length : Math.Min(location.Length, length)) : length;
        int[] seen = [.. Enumerable.Range(0, places).Where(Sees)];
        double[] weights = new double[sources.Length];
        if (seen.Length == 0)
        {
            return weights;
        }

        double[] scores = [.. seen.Select(key => Score == LuongScore.Location ? location[key] : ContentScore(query, sources[key]))];
        double largest = scores.Max();
        double sum = scores.Sum(score => Math.Exp(score - largest));
        foreach ((int key, double score) in seen.Zip(scores))
        {
            if (key < length)
            {
                double distance = key - position;
                double factor = Alignment == LuongAlignment.LocalPredictive && HalfWidth > 0 ? Math.Exp(-2 * distance * distance / ((double)HalfWidth * HalfWidth)) : 1;
                weights[key] = factor * Math.Exp(score - largest) / sum;
            }
        }

        return weights;
    }

    private double ContentScore(double[] query, double[] source) => Score switch
    {
        LuongScore.General => Dot(Product(Weights["attention.weight"], query), source),
        LuongScore.Concat => Dot(Weights["attention.score"], [.. Product(Weights["attention.weight"], [.. query, .. source]).Select(Math.Tanh)]),
        _ => Dot(query, source),
    };

    private static double[] Product(double[] matrix, double[] vector) => [.. matrix.Chunk(vector.Length).Select(row => Dot(row, vector))];

    private static double Dot(double[] left, double[] right) => left.Zip(right, (x, y) => x * y).Sum();
}
