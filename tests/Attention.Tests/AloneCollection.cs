namespace Attention.Tests;

/// <summary>Tests that measure the whole process and must run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
#pragma warning disable CA1711 // xunit calls this a collection.
public class AloneCollection
#pragma warning restore CA1711
{
    public const string Name = "Alone";
}
