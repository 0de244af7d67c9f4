using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of location-aware attention: chooses the width once, takes the working memory, cuts the work.</summary>
internal static unsafe class LocationPass
{
    private const double SmallWork = 1 << 15;

    internal static void Forward<TMask>(in LocationProblem problem, in TMask mask, SimdWidth width, int maxDegreeOfParallelism)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(width, new ForwardJob<TMask>(problem, mask, Threads(problem, maxDegreeOfParallelism)));

    internal static void Backward<TMask>(in LocationGradientProblem problem, in TMask mask, SimdWidth width, int maxDegreeOfParallelism)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(width, new BackwardJob<TMask>(problem, mask, Threads(problem.Forward, maxDegreeOfParallelism)));

    private static int Threads(in LocationProblem problem, int maxDegreeOfParallelism)
    {
        double work = (double)problem.Batch * problem.QueryLength * problem.KeyLength * (problem.HiddenSize + problem.ValueSize);
        return work < SmallWork ? 1 : WorkerTeam.Threads(maxDegreeOfParallelism);
    }

    private readonly struct ForwardJob<TMask>(LocationProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            if (problem.QueryLength == 0)
            {
                return;
            }

            LocationPlan plan = new(problem);
            nint tableFloats = LocationTables.Floats(problem, plan);
            nint sumFloats = problem.IsAccumulated ? (nint)problem.Batch * problem.KeyLength : 0;
            using Scratch.Rental memory = Scratch.Rent(tableFloats + sumFloats + (nint)2 * problem.Batch);
            LocationTables tables = LocationTables.Pack(problem, plan, memory.Memory);
            float* sums = memory.Memory + tableFloats;
            LocationForward<TSimd, TVector, TMask> stages = new(problem, mask, plan, tables, sums, (int*)(sums + sumFloats));
            new LocationRun<LocationForward<TSimd, TVector, TMask>>(stages, problem, plan.Blocks, 1, problem.QueryLength)
                .Run(problem, threads);
        }
    }

    private readonly struct BackwardJob<TMask>(LocationGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            LocationProblem forward = problem.Forward;
            LocationPlan plan = new(forward);
            nint tableFloats = LocationTables.Floats(forward, plan);
            using Scratch.Rental memory = Scratch.Rent(tableFloats + LocationRoom.Floats(forward, plan));
            LocationTables tables = LocationTables.Pack(forward, plan, memory.Memory);
            LocationRoom room = new(forward, plan, memory.Memory + tableFloats);
            LocationBackward<TSimd, TVector, TMask> stages = new(problem, mask, plan, tables, room);
            new LocationRun<LocationBackward<TSimd, TVector, TMask>>(stages, forward, plan.Blocks, plan.Blocks, plan.Blocks)
                .Run(forward, threads);
            LocationSums.Fold<TSimd, TVector>(problem, plan, room, threads);
        }
    }
}
