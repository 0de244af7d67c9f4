using Attention.Backends;
using Attention.Policies;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    private static readonly AttentionShape[] s_attentionShapes =
    [
        new(1, 1, 1, 1, 1, 1, 1),
        new(2, 4, 2, 7, 9, 8, 5),
        new(1, 3, 1, 33, 65, 17, 16),
    ];

    public void Attention_without_anything_else()
    {
        foreach (AttentionShape shape in s_attentionShapes)
        {
            foreach (DeviceLayout layout in s_rowLayouts)
            {
                CheckAttention(AttentionProblems.Random(shape), layout, default(NoMask), default(NoModifier));
            }
        }
    }

    public void Attention_with_mask_modifier_bias_and_sinks()
    {
        foreach (AttentionShape shape in s_attentionShapes)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape)
                .WithBias([1, shape.Heads, shape.QueryLength, shape.KeyLength]).WithSinks();
            CheckAttention(
                problem with { Mask = static (_, _, query, key) => key <= query, Modifier = new SoftCapReference(2) },
                DeviceLayout.Contiguous, CausalMask.TopLeft, new SoftCapModifier(2));
            CheckAttention(
                problem.WithBias([1, 1, 1, shape.KeyLength]) with { Scale = 0.3f }, DeviceLayout.Contiguous, default(NoMask), default(NoModifier));
        }
    }

    public void Attention_of_heads_that_are_parts_of_a_position()
    {
        AttentionShape shape = new(2, 3, 3, 6, 6, 8, 8);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        using DeviceTensor positions = DeviceTensor.Zeros(_backend, 2, 6, 9, 8);
        using DeviceTensor heads = positions.Transpose(1, 2);
        using DeviceTensor query = heads.Slice(1, 0, 3);
        using DeviceTensor key = heads.Slice(1, 3, 3);
        using DeviceTensor value = heads.Slice(1, 6, 3);
        _backend.Upload(problem.Query, query);
        _backend.Upload(problem.Key, key);
        _backend.Upload(problem.Value, value);
        using DeviceTensor joined = DeviceTensor.Allocate(_backend, 2, 6, 3, 8);
        using DeviceTensor output = joined.Transpose(1, 2);
        var inputs = new AttentionTensors { Query = query, Key = key, Value = value };
        _backend.AttentionForward(inputs, default(NoMask), default(NoModifier), output, null, default);
        AttentionResult<double> reference = ReferenceAttention.Forward(problem);
        Compare("output", output, reference.Output, FloatLoopAttention.Forward(problem).Output, reference.Sensitivity.Output);
    }

    public void Attention_of_nothing()
    {
        AttentionShape shape = new(1, 2, 2, 3, 0, 4, 4);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        PlacedTensor output = Poisoned(DeviceLayout.Gaps, shape.OutputLengths);
        PlacedTensor logSumExp = Poisoned(DeviceLayout.Contiguous, shape.RowLengths);
        _backend.AttentionForward(
            Inputs(problem, DeviceLayout.Contiguous), default(NoMask), default(NoModifier), output.Tensor, logSumExp.Tensor, default);
        Tolerance.SameBits("output", output.Take("output"), new float[shape.OutputCount]);
        Tolerance.SameBits("log-sum-exp", logSumExp.Take("log-sum-exp"), [.. Enumerable.Repeat(float.NegativeInfinity, shape.RowCount)]);
    }

    public void AttentionWeights_of_all_and_of_chosen_heads()
    {
        AttentionShape shape = new(2, 4, 2, 7, 9, 8, 5);
        AttentionProblem<float> problem = AttentionProblems.Random(shape) with { Mask = static (_, _, query, key) => key <= query + 1 };
        AttentionResult<double> reference = ReferenceAttention.Forward(problem, withScores: true);
        AttentionResult<float> plain = FloatLoopAttention.Forward(problem, withScores: true);
        foreach (int[] heads in new int[][] { [], [2], [3, 0] })
        {
            int[] chosen = heads.Length == 0 ? [0, 1, 2, 3] : heads;
            PlacedTensor weights = Poisoned(DeviceLayout.Gaps, 2, chosen.Length, 7, 9);
            _backend.AttentionWeights(
                Inputs(problem, DeviceLayout.Contiguous), new CausalMask(1), default(NoModifier), heads, weights.Tensor, default);
            Tolerance.Mechanism(
                "weights", weights.Take("weights"), Choose(reference.Weights), Choose(plain.Weights), reference.Sensitivity.Weights, rows: 1);

            T[] Choose<T>(T[] all) =>
            [
                .. from batch in Enumerable.Range(0, 2)
                   from head in chosen
                   from pair in Enumerable.Range(0, 7 * 9)
                   select all[(batch * 4 + head) * 7 * 9 + pair],
            ];
        }
    }

    private static void Compare(string name, DeviceTensor actual, double[] expected, float[] plain, double sensitivity) =>
        Tolerance.Mechanism(name, actual.ToArray(), expected, plain, sensitivity, rows: 1);

    private static nint[] Axes(int[] lengths) => Array.ConvertAll(lengths, static length => (nint)length);

    private void CheckAttention<TMask, TModifier>(AttentionProblem<float> problem, DeviceLayout layout, TMask mask, TModifier modifier)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        AttentionShape shape = problem.Shape;
        AttentionTensors inputs = Inputs(problem, layout);
        AttentionOptions options = new() { Scale = problem.Scale };
        DeviceTensor output = Poisoned(layout, shape.OutputLengths).Tensor;
        DeviceTensor logSumExp = Poisoned(DeviceLayout.Contiguous, shape.RowLengths).Tensor;
        _backend.AttentionForward(inputs, mask, modifier, output, logSumExp, options);

        AttentionResult<double> reference = ReferenceAttention.Forward(problem);
        AttentionResult<float> plain = FloatLoopAttention.Forward(problem);
        Compare("output", output, reference.Output, plain.Output, reference.Sensitivity.Output);
        Compare("log-sum-exp", logSumExp, reference.LogSumExp, plain.LogSumExp, reference.Sensitivity.LogSumExp);

        DeviceTensor outputGradient = Put(new PlainTensor(problem.OutputGradient, shape.OutputLengths), layout);
        var gradients = new AttentionTensors
        {
            Query = Poisoned(layout, shape.QueryLengths).Tensor,
            Key = Poisoned(layout, shape.KeyLengths).Tensor,
            Value = Poisoned(layout, shape.ValueLengths).Tensor,
            Bias = problem.Bias is null ? null : Poisoned(DeviceLayout.Contiguous, Axes(problem.BiasShape)).Tensor,
            SinkLogits = problem.SinkLogits is null ? null : Poisoned(DeviceLayout.Contiguous, shape.Heads).Tensor,
        };
        _backend.AttentionBackward(inputs, mask, modifier, output, logSumExp, outputGradient, gradients, options);
        AttentionGradients<double> expected = ReferenceAttention.Backward(problem);
        AttentionGradients<float> yardstick = FloatLoopAttention.Backward(problem);
        Sensitivity floor = expected.Sensitivity;
        Compare("gradient of query", gradients.Query, expected.Query, yardstick.Query, floor.Query);
        Compare("gradient of key", gradients.Key, expected.Key, yardstick.Key, floor.Key);
        Compare("gradient of value", gradients.Value, expected.Value, yardstick.Value, floor.Value);
        if (gradients.Bias is not null)
        {
            Compare("gradient of bias", gradients.Bias, expected.Bias, yardstick.Bias, floor.Bias);
        }

        if (gradients.SinkLogits is not null)
        {
            Compare("gradient of sinks", gradients.SinkLogits, expected.SinkLogits, yardstick.SinkLogits, floor.SinkLogits);
        }
    }

    private AttentionTensors Inputs(AttentionProblem<float> problem, DeviceLayout layout) => new()
    {
        Query = Put(new PlainTensor(problem.Query, problem.Shape.QueryLengths), layout),
        Key = Put(new PlainTensor(problem.Key, problem.Shape.KeyLengths), layout),
        Value = Put(new PlainTensor(problem.Value, problem.Shape.ValueLengths), layout),
        Bias = problem.Bias is null ? null : Put(new PlainTensor(problem.Bias, Axes(problem.BiasShape))),
        SinkLogits = problem.SinkLogits is null ? null : Put(new PlainTensor(problem.SinkLogits, problem.Shape.Heads)),
    };
}
