using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs <see cref="CacheStore{TSimd, TVector}"/> at a width; every width stores the same bits.</summary>
internal static class CacheStorePass
{
    internal static void Run(in CacheInput input, SimdWidth width, int threads)
    {
        int count = checked(input.Batch * input.Layout.KeyValueHeads);
        switch (SimdWidths.Resolve(width))
        {
            case SimdWidth.Vector512:
                WorkerTeam.Run(new CacheStore<Simd512, Vector512<float>>(input), count, threads);
                break;
            case SimdWidth.Vector256:
                WorkerTeam.Run(new CacheStore<Simd256, Vector256<float>>(input), count, threads);
                break;
            case SimdWidth.Vector128:
                WorkerTeam.Run(new CacheStore<Simd128, Vector128<float>>(input), count, threads);
                break;
            default:
                WorkerTeam.Run(new CacheStore<SimdScalar, float>(input), count, threads);
                break;
        }
    }
}
