namespace Attention.Comparison.Rows;

/// <summary>One row of the table.</summary>
internal interface IRow
{
    /// <summary>What is compared, in words; the command line's filters look in here.</summary>
    string Name { get; }

    /// <summary>Whether a quick run has it.</summary>
    bool Quick { get; }

    /// <summary>Checks the results, then times.</summary>
    RowResult Measure(Setting setting);
}
