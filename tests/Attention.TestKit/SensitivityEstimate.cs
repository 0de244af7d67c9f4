namespace Attention.TestKit;

/// <summary>Estimates <see cref="Sensitivity"/> from the terms behind each element.</summary>
/// <remarks>
/// A score is uncertain by its magnitude <c>scale sum |q k| + |bias|</c>, a weight relatively by the magnitudes of its
/// score and of the others in the normaliser. Where many such errors, which are independent, are added up, their squares are.
/// </remarks>
internal static class SensitivityEstimate
{
    internal static void Forward(AttentionProblem<double> problem, AttentionResult<double> result)
    {
        AttentionShape shape = problem.Shape;
        Sensitivity sensitivity = result.Sensitivity;
        ForEachRow(problem, (row, magnitudes, mean, batch, head, query) =>
        {
            int number = (((batch * shape.Heads) + head) * shape.QueryLength) + query;
            int valueStart = ((batch * shape.KeyValueHeads) + (head / (shape.Heads / shape.KeyValueHeads))) * shape.KeyLength;
            Span<double> squares = stackalloc double[shape.ValueSize];
            Span<double> sums = stackalloc double[shape.ValueSize];
            double logSumExp = Finite(Math.Abs(row.LogSumExp));
            for (int key = 0; key < shape.KeyLength; key++)
            {
                double weight = row.Weights[key];
                sensitivity.Scores = Math.Max(sensitivity.Scores, Magnitude(problem, row, batch, head, query, key));
                sensitivity.Weights = Math.Max(sensitivity.Weights, Finite(weight * (1 + magnitudes[key] + mean)));
                double factor = problem.KeepFactor?.Invoke(batch, head, query, key) ?? 1;
                for (int c = 0; c < shape.ValueSize && !row.Hidden[key]; c++)
                {
                    double value = factor * problem.Value[((valueStart + key) * shape.ValueSize) + c];
                    double spread = value - result.Output[(number * shape.ValueSize) + c];
                    squares[c] += Square(weight * magnitudes[key] * spread);
                    sums[c] += Finite(weight * Math.Abs(value));
                }
            }

            sensitivity.LogSumExp = Math.Max(sensitivity.LogSumExp, mean + 1 + logSumExp);
            for (int c = 0; c < shape.ValueSize; c++)
            {
                sensitivity.Output = Math.Max(sensitivity.Output, Math.Sqrt(squares[c]) + sums[c]);
            }
        });
    }

    internal static void Backward(AttentionProblem<double> problem, AttentionGradients<double> gradients)
    {
        AttentionShape shape = problem.Shape;
        AttentionGradients<double> sums = new(problem); // of squares
        double[] products = new double[shape.KeyLength];
        ForEachRow(problem, (row, magnitudes, mean, batch, head, query) =>
        {
            int number = (((batch * shape.Heads) + head) * shape.QueryLength) + query;
            int keyValue = ((batch * shape.KeyValueHeads) + (head / (shape.Heads / shape.KeyValueHeads))) * shape.KeyLength;
            double through = Math.Abs(problem.LogSumExpGradient?[number] ?? 0);
            for (int key = 0; key < shape.KeyLength; key++)
            {
                double weight = row.Weights[key];
                double relative = 1 + magnitudes[key] + mean;
                double factor = row.Hidden[key] ? 0 : problem.KeepFactor?.Invoke(batch, head, query, key) ?? 1;
                products[key] = 0;
                for (int c = 0; c < shape.ValueSize && factor != 0; c++)
                {
                    double outputGradient = Math.Abs(problem.OutputGradient![(number * shape.ValueSize) + c]);
                    int place = ((keyValue + key) * shape.ValueSize) + c;
                    products[key] += factor * outputGradient * Math.Abs(problem.Value[place]);
                    sums.Value[place] += Square(weight * relative * factor * outputGradient);
                }

                through += Finite(weight * products[key]);
            }

            if (problem.SinkLogits is not null)
            {
                sums.SinkLogits[head] += Square(row.SinkWeight * (1 + mean) * through);
            }

            for (int key = 0; key < shape.KeyLength; key++)
            {
                if (!row.Hidden[key])
                {
                    double score = Finite(row.Weights[key] * (1 + magnitudes[key] + mean) * (products[key] + through));
                    double slope = Slope(problem, row, magnitudes[key], batch, head, query, key);
                    AddScore(problem, sums, score * slope, (keyValue + key) * shape.HeadSize, number * shape.HeadSize);
                    if (problem.Bias is not null)
                    {
                        sums.Bias[problem.BiasIndex(batch, head, query, key)] += Square(score);
                    }
                }
            }
        });

        Sensitivity sensitivity = gradients.Sensitivity;
        sensitivity.Query = Largest(sums.Query);
        sensitivity.Key = Largest(sums.Key);
        sensitivity.Value = Largest(sums.Value);
        sensitivity.Bias = Largest(sums.Bias);
        sensitivity.SinkLogits = Largest(sums.SinkLogits);
    }

    private delegate void RowVisitor(
        AttentionRow<double> row, double[] magnitudes, double mean, int batch, int head, int query);

    private static void ForEachRow(AttentionProblem<double> problem, RowVisitor visit)
    {
        AttentionShape shape = problem.Shape;
        AttentionRow<double> row = new(problem);
        double[] magnitudes = new double[shape.KeyLength];
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.Heads; head++)
            {
                for (int query = 0; query < shape.QueryLength; query++)
                {
                    row.Compute(batch, head, query);
                    double mean = 0;
                    for (int key = 0; key < shape.KeyLength; key++)
                    {
                        magnitudes[key] = row.Hidden[key] ? 0 : Magnitude(problem, row, batch, head, query, key);
                        mean += Square(row.Weights[key] * magnitudes[key]);
                    }

                    visit(row, magnitudes, Math.Sqrt(mean), batch, head, query);
                }
            }
        }
    }

    private static double Magnitude(
        AttentionProblem<double> problem, AttentionRow<double> row, int batch, int head, int query, int key)
    {
        AttentionShape shape = problem.Shape;
        int queryStart = ((((batch * shape.Heads) + head) * shape.QueryLength) + query) * shape.HeadSize;
        int keyHead = (batch * shape.KeyValueHeads) + (head / (shape.Heads / shape.KeyValueHeads));
        int keyStart = ((keyHead * shape.KeyLength) + key) * shape.HeadSize;
        double sum = 0;
        for (int c = 0; c < shape.HeadSize; c++)
        {
            sum += Math.Abs(problem.Query[queryStart + c] * problem.Key[keyStart + c]);
        }

        double added = Math.Abs(row.Modified[key]) + (row.Hidden[key] ? 0 : Math.Abs(row.Masked[key]));
        return Finite((Math.Abs(problem.ScaleOrDefault) * sum) + added);
    }

    /// <summary>
    /// The modifier's derivative with what the uncertainty of the score does to it, and its own rounding: it may be a
    /// difference of numbers around 1.
    /// </summary>
    private static double Slope(
        AttentionProblem<double> problem, AttentionRow<double> row, double magnitude, int batch, int head, int query, int key)
    {
        if (problem.Modifier is not ReferenceModifier modifier)
        {
            return 1;
        }

        double step = 1e-6 * (1 + Math.Abs(row.Raw[key]));
        double above = modifier.Apply(row.Raw[key] + step, batch, head, query, key).Derivative;
        double below = modifier.Apply(row.Raw[key] - step, batch, head, query, key).Derivative;
        return 1 + Math.Abs(row.Derivative[key]) + Finite(magnitude * Math.Abs(above - below) / (2 * step));
    }

    private static void AddScore(
        AttentionProblem<double> problem, AttentionGradients<double> sums, double score, int keyStart, int queryStart)
    {
        double scaled = Math.Abs(score * problem.ScaleOrDefault);
        for (int c = 0; c < problem.Shape.HeadSize; c++)
        {
            sums.Query[queryStart + c] += Square(scaled * problem.Key[keyStart + c]);
            sums.Key[keyStart + c] += Square(scaled * problem.Query[queryStart + c]);
        }
    }

    private static double Largest(double[] squares) => squares.Length == 0 ? 0 : Math.Sqrt(squares.Max());

    private static double Square(double number) => Finite(number * number);

    private static double Finite(double number) => double.IsFinite(number) ? number : 0;
}
