using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Chooses the vector width of a call, once, and the threads that are worth waking for it.</summary>
internal static class WidthJobs
{
    /// <summary>Below this many elements a second thread costs more than it gives.</summary>
    private const nint SmallWork = 1 << 15;

    internal static void Run<TJob>(SimdWidth width, in TJob job)
        where TJob : struct, IWidthJob
    {
        switch (SimdWidths.Resolve(width))
        {
            case SimdWidth.Vector512:
                job.Run<Simd512, Vector512<float>>();
                break;
            case SimdWidth.Vector256:
                job.Run<Simd256, Vector256<float>>();
                break;
            case SimdWidth.Vector128:
                job.Run<Simd128, Vector128<float>>();
                break;
            default:
                job.Run<SimdScalar, float>();
                break;
        }
    }

    /// <summary>The threads for work on so many elements.</summary>
    internal static int Threads(nint elements, int maxDegreeOfParallelism) =>
        elements < SmallWork ? 1 : WorkerTeam.Threads(maxDegreeOfParallelism);
}
