using Attention.Execution;

namespace Attention.Tiles;

/// <summary>
/// Runs the stages of a pass: where there are as many batch elements as threads, each goes through all its steps on one thread;
/// else the threads share every stage. The stages are the same, and so are the bits.
/// </summary>
internal readonly struct LocationRun<TStages>
    where TStages : struct, ILocationStages
{
    /// <summary>Below this much work in a stage the threads would spend their time waiting for each other.</summary>
    private const double SmallStage = 1 << 17;

    private readonly TStages _stages;
    private readonly int _batch;
    private readonly int _turns;
    private readonly int _blocks;
    private readonly int _pieces;
    private readonly int _rest;

    /// <param name="stages">The pass.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="blocks">Blocks of the first half of a step.</param>
    /// <param name="pieces">Pieces of the second half.</param>
    /// <param name="rest">Pieces after all steps.</param>
    internal LocationRun(in TStages stages, in LocationProblem problem, int blocks, int pieces, int rest)
    {
        _stages = stages;
        _batch = problem.Batch;
        _turns = problem.QueryLength;
        _blocks = blocks;
        _pieces = pieces;
        _rest = rest;
    }

    private enum Stage
    {
        Everything,
        Start,
        Block,
        Finish,
        Rest,
    }

    internal void Run(in LocationProblem problem, int threads)
    {
        double work = (double)problem.Batch * problem.KeyLength * problem.HiddenSize * (problem.Features + 8);
        if (_batch >= threads || threads == 1 || work < SmallStage)
        {
            WorkerTeam.Run(new Action(this, Stage.Everything, 1, 0), _batch, threads);
            return;
        }

        WorkerTeam.Run(new Action(this, Stage.Start, 1, 0), _batch, threads);
        for (int turn = 0; turn < _turns; turn++)
        {
            WorkerTeam.Run(new Action(this, Stage.Block, _blocks, turn), _batch * _blocks, threads);
            WorkerTeam.Run(new Action(this, Stage.Finish, _pieces, turn), _batch * _pieces, threads);
        }

        WorkerTeam.Run(new Action(this, Stage.Rest, _rest, 0), _batch * _rest, threads);
    }

    private void Everything(int batch)
    {
        _stages.Start(batch);
        for (int turn = 0; turn < _turns; turn++)
        {
            for (int block = 0; block < _blocks; block++)
            {
                _stages.Block(batch, block, turn);
            }

            for (int piece = 0; piece < _pieces; piece++)
            {
                _stages.Finish(batch, piece, turn);
            }
        }

        for (int piece = 0; piece < _rest; piece++)
        {
            _stages.Rest(batch, piece);
        }
    }

    private readonly struct Action(LocationRun<TStages> run, Stage stage, int pieces, int turn) : IParallelAction
    {
        public void Invoke(int index)
        {
            (int batch, int piece) = (index / pieces, index % pieces);
            switch (stage)
            {
                case Stage.Everything:
                    run.Everything(batch);
                    break;
                case Stage.Start:
                    run._stages.Start(batch);
                    break;
                case Stage.Block:
                    run._stages.Block(batch, piece, turn);
                    break;
                case Stage.Finish:
                    run._stages.Finish(batch, piece, turn);
                    break;
                default:
                    run._stages.Rest(batch, piece);
                    break;
            }
        }
    }
}
