namespace Attention.Comparison.Contenders;

/// <summary>One way to do one piece of work, with its numbers already in place.</summary>
internal interface IContender : IDisposable
{
    /// <summary>Which operator or call it is.</summary>
    string Name { get; }

    /// <summary>Puts process-wide settings in place before a series of runs.</summary>
    void Prepare();

    /// <summary>Does the work once; this is what is timed.</summary>
    void Run();

    /// <summary>
    /// What the last run computed, row-major with heads before positions; in training the output and then the gradients of
    /// query, key and value.
    /// </summary>
    float[] Result();
}
