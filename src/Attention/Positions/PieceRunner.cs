using Attention.Execution;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>Runs pieces of work: chooses the width once and hands the pieces to the threads.</summary>
internal static class PieceRunner
{
    /// <summary>Runs every piece.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="work">About how many floats they read or write in all.</param>
    /// <param name="options">Threads and vector width.</param>
    internal static void Run<TPieces>(in TPieces pieces, double work, in PositionOptions options)
        where TPieces : struct, IPieces =>
        WidthJobs.Run(options.Width, new Job<TPieces>(pieces, WidthJobs.Threads((nint)work, options.MaxDegreeOfParallelism)));

    private readonly struct Job<TPieces>(TPieces pieces, int threads) : IWidthJob
        where TPieces : struct, IPieces
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new Action<TPieces, TSimd, TVector>(pieces), pieces.Count, threads);
    }

    private readonly struct Action<TPieces, TSimd, TVector>(TPieces pieces) : IParallelAction
        where TPieces : struct, IPieces
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        public void Invoke(int index) => pieces.Invoke<TSimd, TVector>(index);
    }
}
