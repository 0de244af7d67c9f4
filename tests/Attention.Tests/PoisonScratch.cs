using System.Runtime.CompilerServices;
using Attention.Execution;

namespace Attention.Tests;

/// <summary>Working memory is full of NaN in every test, so that whatever is read before it is written shows.</summary>
internal static class PoisonScratch
{
    // The one place of the suite that must run before any test, whichever is chosen.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize() => Scratch.Poison = true;
}
