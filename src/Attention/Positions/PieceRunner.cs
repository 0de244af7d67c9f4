using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>Runs pieces of work: chooses the width once and hands the pieces to the threads.</summary>
internal static class PieceRunner
{
    /// <summary>Below this many floats a second thread costs more than it gives.</summary>
    private const double SmallWork = 1 << 15;

    /// <summary>Runs every piece.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="work">About how many floats they read or write in all.</param>
    /// <param name="options">Threads and vector width.</param>
    internal static void Run<TPieces>(in TPieces pieces, double work, in PositionOptions options)
        where TPieces : struct, IPieces
    {
        int threads = work < SmallWork ? 1 : WorkerTeam.Threads(options.MaxDegreeOfParallelism);
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                WorkerTeam.Run(new Action<TPieces, Simd512, Vector512<float>>(pieces), pieces.Count, threads);
                break;
            case SimdWidth.Vector256:
                WorkerTeam.Run(new Action<TPieces, Simd256, Vector256<float>>(pieces), pieces.Count, threads);
                break;
            case SimdWidth.Vector128:
                WorkerTeam.Run(new Action<TPieces, Simd128, Vector128<float>>(pieces), pieces.Count, threads);
                break;
            default:
                WorkerTeam.Run(new Action<TPieces, SimdScalar, float>(pieces), pieces.Count, threads);
                break;
        }
    }

    private readonly struct Action<TPieces, TSimd, TVector>(TPieces pieces) : IParallelAction
        where TPieces : struct, IPieces
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        public void Invoke(int index) => pieces.Invoke<TSimd, TVector>(index);
    }
}
