namespace Attention.Tiles;

/// <summary>
/// The weights in the order in which the kernels read them, rows padded with zeros: the projection transposed, so that vectors run
/// along hidden numbers, and the filters in both directions.
/// </summary>
internal unsafe struct LocationTables
{
    /// <summary>[features, hiddenStride].</summary>
    internal float* Projection;

    /// <summary>[hiddenStride].</summary>
    internal float* ScoreVector;

    /// <summary>[features, widthStride], as cross-correlations.</summary>
    internal float* Filters;

    /// <summary>The same filters from the last tap to the first.</summary>
    internal float* Reversed;

    internal static nint Floats(in LocationProblem problem, in LocationPlan plan) =>
        (nint)(problem.Features + 1) * plan.HiddenStride + (nint)2 * problem.Features * plan.WidthStride;

    internal static LocationTables Pack(in LocationProblem problem, in LocationPlan plan, float* memory)
    {
        LocationTables tables = default;
        tables.ScoreVector = memory;
        tables.Projection = memory + plan.HiddenStride;
        tables.Filters = tables.Projection + (nint)problem.Features * plan.HiddenStride;
        tables.Reversed = tables.Filters + (nint)problem.Features * plan.WidthStride;
        RowOperations.Clear(memory, Floats(problem, plan));
        for (int i = 0; i < problem.HiddenSize; i++)
        {
            tables.ScoreVector[i] = problem.ScoreVector[i];
            for (int feature = 0; feature < problem.Features; feature++)
            {
                tables.Projection[(nint)feature * plan.HiddenStride + i] = problem.Projection[i * problem.ProjectionStride + feature];
            }
        }

        for (int feature = 0; feature < problem.Features; feature++)
        {
            for (int tap = 0; tap < problem.Width; tap++)
            {
                // Without filters the feature is the number itself.
                int place = problem.IsFlipped ? problem.Width - 1 - tap : tap;
                float weight = problem.Filters == null ? 1f : problem.Filters[feature * problem.FilterStride + place];
                tables.Filters[(nint)feature * plan.WidthStride + tap] = weight;
                tables.Reversed[(nint)feature * plan.WidthStride + problem.Width - 1 - tap] = weight;
            }
        }

        return tables;
    }
}
