namespace Attention.Tests.Gemm;

/// <summary>The product in double, and the bound that a float product must keep.</summary>
internal static class GemmReference
{
    private const double UnitRoundoff = 1.0 / (1 << 24);

    /// <summary>
    /// Roundings that an element goes through besides those of its depth: product, alpha, beta, their sum, and one for each
    /// start of a block.
    /// </summary>
    private const int FurtherRoundings = 6;

    /// <summary>Checks <c>after = alpha left right + beta before</c>, element by element.</summary>
    /// <remarks>
    /// The bound is that of a sum in any order, gamma(n) sum|a b| with n the roundings a term can go through (Higham,
    /// Accuracy and Stability of Numerical Algorithms, section 3.1): it holds with and without fused multiply-add, and a
    /// single missing, doubled or misplaced product of these depths exceeds it by far.
    /// </remarks>
    internal static void Check(GemmOperand left, GemmOperand right, float[] before, GemmOperand after, float alpha, float beta, string what)
    {
        (int rows, int columns, int depth) = (left.Layout.Rows, right.Layout.Columns, left.Layout.Columns);
        float[] a = left.ToArray();
        float[] b = right.ToArray();
        double[] sums = new double[columns];
        double[] sizes = new double[columns];
        for (int row = 0; row < rows; row++)
        {
            Array.Clear(sums);
            Array.Clear(sizes);
            for (int step = 0; step < depth && alpha != 0; step++)
            {
                double factor = (double)alpha * a[row * depth + step];
                for (int column = 0; column < columns; column++)
                {
                    double product = factor * b[step * columns + column];
                    sums[column] += product;
                    sizes[column] += Math.Abs(product);
                }
            }

            for (int column = 0; column < columns; column++)
            {
                double old = beta == 0 ? 0 : (double)beta * before[row * columns + column];
                double expected = sums[column] + old;
                double bound = (depth + FurtherRoundings) * UnitRoundoff * (sizes[column] + Math.Abs(old));
                float actual = after[row, column];
                if (!(Math.Abs(actual - expected) <= bound))
                {
                    Assert.Fail($"{what}: element [{row}, {column}] is {actual:R}; expected {expected:R} within {bound:E2}.");
                }
            }
        }
    }
}
