using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Adds up the weights' gradients from all blocks, in their order, and brings them into the order of the weights.</summary>
internal static unsafe class LocationSums
{
    internal static void Fold<TSimd, TVector>(in LocationGradientProblem problem, in LocationPlan plan, in LocationRoom room, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        LocationProblem forward = problem.Forward;
        int lanes = forward.Batch * plan.Blocks;
        if (lanes == 0)
        {
            WriteZeros(problem);
            return;
        }

        Adding<TSimd, TVector> adding = new(room.Lanes, lanes, plan.LaneFloats);
        WorkerTeam.Run(adding, adding.Pieces, threads);
        Write(problem, room);
    }

    private static void Write(in LocationGradientProblem problem, in LocationRoom room)
    {
        LocationProblem forward = problem.Forward;
        for (int i = 0; i < forward.HiddenSize && problem.ScoreVectorGradient != null; i++)
        {
            problem.ScoreVectorGradient[i] = room.ScoreVectorLane(0, 0)[i];
        }

        if (problem.ScoreBiasGradient != null)
        {
            *problem.ScoreBiasGradient = *room.ScoreBiasLane(0, 0);
        }

        for (int feature = 0; feature < forward.Features; feature++)
        {
            float* projection = room.ProjectionLane(0, 0, feature);
            for (int i = 0; i < forward.HiddenSize && problem.ProjectionGradient != null; i++)
            {
                problem.ProjectionGradient[i * problem.ProjectionGradientStride + feature] = projection[i];
            }

            float* filter = room.FilterLane(0, 0, feature);
            for (int tap = 0; tap < forward.Width && problem.FilterGradient != null; tap++)
            {
                int place = forward.IsFlipped ? forward.Width - 1 - tap : tap;
                problem.FilterGradient[feature * problem.FilterGradientStride + place] = filter[tap];
            }
        }
    }

    /// <summary>Without a batch or a key no weight had any effect.</summary>
    private static void WriteZeros(in LocationGradientProblem problem)
    {
        LocationProblem forward = problem.Forward;
        if (problem.ScoreVectorGradient != null)
        {
            RowOperations.Clear(problem.ScoreVectorGradient, forward.HiddenSize);
        }

        if (problem.ScoreBiasGradient != null)
        {
            *problem.ScoreBiasGradient = 0f;
        }

        for (int i = 0; i < forward.HiddenSize && problem.ProjectionGradient != null; i++)
        {
            RowOperations.Clear(problem.ProjectionGradient + i * problem.ProjectionGradientStride, forward.Features);
        }

        for (int feature = 0; feature < forward.Features && problem.FilterGradient != null; feature++)
        {
            RowOperations.Clear(problem.FilterGradient + feature * problem.FilterGradientStride, forward.Width);
        }
    }

    private readonly struct Adding<TSimd, TVector>(float* lanes, int count, nint floats) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        private const int PieceFloats = 1024;

        internal int Pieces => (int)((floats + PieceFloats - 1) / PieceFloats);

        public void Invoke(int index)
        {
            nint start = (nint)index * PieceFloats;
            nint length = Math.Min(PieceFloats, floats - start);
            for (int lane = 1; lane < count; lane++)
            {
                RowOperations.Add<TSimd, TVector>(lanes + lane * floats + start, lanes + start, length);
            }
        }
    }
}
