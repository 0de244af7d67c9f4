namespace Attention.Backends;

internal static class HostOptions
{
    /// <summary>A call without its own number of threads gets the backend's.</summary>
    internal static AttentionOptions On(this in AttentionOptions options, IHostMemory host) =>
        options.MaxDegreeOfParallelism == 0 ? options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism } : options;
}
