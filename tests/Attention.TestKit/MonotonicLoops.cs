namespace Attention.TestKit;

/// <summary>
/// Monotonic attention of one head as the papers write it, in double: sums of products over all keys at which the query before may
/// have stopped. Rows of queries, [query, key].
/// </summary>
public static class MonotonicLoops
{
    /// <summary>alignment_ij = p_ij sum_k alignment_(i-1)k prod_(l = k .. j-1) (1 - p_il).</summary>
    public static double[] Alignment(double[] energies, int keys, Func<int, int, bool> allows)
    {
        double[] alignment = new double[energies.Length];
        double[] before = new double[keys];
        for (int i = 0; i < energies.Length / Math.Max(1, keys); i++)
        {
            before[0] = i == 0 ? 1 : before[0];
            for (int k = 0; k < keys; k++)
            {
                double product = before[k];
                for (int j = k; j < keys; j++)
                {
                    double energy = allows(i, j) ? energies[(i * keys) + j] : double.NegativeInfinity;
                    alignment[(i * keys) + j] += product / (1 + Math.Exp(-energy));
                    product /= 1 + Math.Exp(energy);
                }
            }

            before = alignment[(i * keys)..((i + 1) * keys)];
        }

        return alignment;
    }

    /// <summary>weight_ij = sum_(k = j .. j+w-1) alignment_ik exp(u_ij) / sum_(l = k-w+1 .. k) exp(u_il).</summary>
    public static double[] Chunks(double[] alignment, double[] energies, int keys, int width, Func<int, int, bool> allows)
    {
        double[] weights = new double[alignment.Length];
        for (int i = 0; i < alignment.Length / Math.Max(1, keys); i++)
        {
            for (int k = 0; k < keys; k++)
            {
                int[] chunk = [.. Enumerable.Range(0, keys).Where(j => j > k - width && j <= k && allows(i, j))];
                double[] shares = new NormalizerReference(NormalizerKind.Softmax).Weights(Array.ConvertAll(chunk, j => energies[(i * keys) + j]));
                for (int c = 0; c < chunk.Length && allows(i, k); c++)
                {
                    weights[(i * keys) + chunk[c]] += alignment[(i * keys) + k] * shares[c];
                }
            }
        }

        return weights;
    }
}
