using Attention.Autodiff;
using Attention.Comparison.Work;
using Attention.Mechanisms;

namespace Attention.Comparison.Contenders.Own;

/// <summary>What the library's recurrent layers run: one product for the inputs of all steps, then the recurrence.</summary>
internal sealed class OwnRecurrent(RecurrentTask task, bool isTraining, int threads) : OwnComposition(task, isTraining, threads)
{
    /// <inheritdoc/>
    public override string Name => "Linear, Recurrence";

    /// <inheritdoc/>
    protected override Variable Forward(Variable[] inputs)
    {
        using Variable gates = Differentiable.Linear(inputs[0], inputs[1], inputs[3]);
        RecurrenceResult result = Differentiable.Recurrence(
            gates, inputs[2], inputs[4], options: new RecurrenceOptions { Cell = task.Cell });
        result.FinalState.Dispose();
        result.FinalCell?.Dispose();
        return result.Output;
    }
}
