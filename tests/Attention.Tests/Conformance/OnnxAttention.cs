using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Conformance;

/// <summary>The operator Attention of ONNX in terms of this library; see the README beside this file.</summary>
internal sealed class OnnxAttention
{
    private readonly ConformanceCase _case;
    private readonly OnnxOperand _query;
    private readonly OnnxOperand _key;
    private readonly OnnxOperand _value;
    private readonly int[] _offsets;
    private readonly Dictionary<string, float[]> _outputs = [];

    private OnnxAttention(ConformanceCase given)
    {
        _case = given;
        ConformanceTensor? past = Input("past_key");
        _query = OnnxOperand.Create(given.Inputs["Q"], given.Integer("q_num_heads", 0));
        _key = OnnxOperand.Create(given.Inputs["K"], given.Integer("kv_num_heads", 0));
        _value = OnnxOperand.Create(given.Inputs["V"], given.Integer("kv_num_heads", 0));
        if (past is not null || given.Outputs.ContainsKey("present_key"))
        {
            _key = _key.After(past);
            _value = _value.After(Input("past_value"));
            _outputs["present_key"] = _key.Data;
            _outputs["present_value"] = _value.Data;
        }

        _offsets = new int[_query.Batch];
        if (past is not null)
        {
            Array.Fill(_offsets, past.Shape[2]);
        }
        else if (Input("nonpad_kv_seqlen") is ConformanceTensor lengths)
        {
            _offsets = Array.ConvertAll(lengths.Data, length => (int)length - _query.Length);
        }
    }

    /// <summary>Computes every output that the case lists.</summary>
    public static IReadOnlyDictionary<string, float[]> Run(ConformanceCase given)
    {
        OnnxAttention host = new(given);
        host.ChooseCausal();
        return host._outputs;
    }

    private ConformanceTensor? Input(string name) => _case.Inputs.GetValueOrDefault(name);

    private void ChooseCausal()
    {
        if (_case.Integer("is_causal", 0) != 0)
        {
            ChooseWindow(CausalMask.PerBatch(_offsets));
        }
        else
        {
            ChooseWindow(default(NoMask));
        }
    }

    private void ChooseWindow<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        int left = _case.Integer("left_window_size", -1);
        int right = _case.Integer("right_window_size", -1);
        if (left >= 0 || right >= 0)
        {
            ChooseLengths(mask.And(WindowMask.PerBatch(left, right, _offsets)));
        }
        else
        {
            ChooseLengths(mask);
        }
    }

    private void ChooseLengths<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        if (Input("nonpad_kv_seqlen") is ConformanceTensor lengths)
        {
            ChooseDense(mask.And(new KeyLengthMask(Array.ConvertAll(lengths.Data, length => (int)length))));
        }
        else
        {
            ChooseDense(mask);
        }
    }

    private void ChooseDense<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        if (Input("attn_mask") is ConformanceTensor { IsBoolean: true } given)
        {
            ConformanceTensor padded = given.PadColumns(_key.Length, 0f);
            ReadOnlyTensorSpan<bool> allowed = View(padded).Read(Array.ConvertAll(padded.Data, number => number != 0));
            ChooseModifier(mask.And(new DenseMask(allowed)));
        }
        else
        {
            ChooseModifier(mask);
        }
    }

    private void ChooseModifier<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        float cap = (float)_case.Attributes.GetValueOrDefault("softcap");
        if (cap > 0)
        {
            Compute(mask, new SoftCapModifier(cap));
        }
        else
        {
            Compute(mask, default(NoModifier));
        }
    }

    private void Compute<TMask, TModifier>(TMask mask, TModifier modifier)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ReadOnlyTensorSpan<float> query = _query.Layout.Read(_query.Data);
        ReadOnlyTensorSpan<float> key = _key.Layout.Read(_key.Data);
        ReadOnlyTensorSpan<float> value = _value.Layout.Read(_value.Data);
        AttentionOptions options = new()
        {
            Scale = _case.Attributes.TryGetValue("scale", out double scale) ? (float)scale : null,
        };
        ScoreTerms terms = default;
        if (Input("attn_mask") is ConformanceTensor { IsBoolean: false } given)
        {
            ConformanceTensor padded = given.PadColumns(_key.Length, float.NegativeInfinity);
            terms = new ScoreTerms { Bias = View(padded).Read(padded.Data) };
        }

        OnnxOperand output = OnnxOperand.Create(
            new float[_query.Batch * _query.Heads * _query.Length * _value.Size],
            _query.Batch,
            _query.Heads,
            _query.Length,
            _value.Size,
            packed: _case.Inputs["Q"].Shape.Length == 3);
        _outputs["Y"] = output.Data;
        ScaledDotProductAttention.Forward(
            query, key, value, mask, modifier, terms, output.Layout.Write(output.Data), default, options);
        if (_case.Outputs.ContainsKey("qk_matmul_output"))
        {
            ScoreStage stage = _case.Integer("qk_matmul_output_mode", 0) switch
            {
                0 => ScoreStage.Raw,
                1 => ScoreStage.Modified,
                2 => ScoreStage.Masked,
                _ => ScoreStage.Weights,
            };
            float[] scores = new float[_query.Batch * _query.Heads * _query.Length * _key.Length];
            _outputs["qk_matmul_output"] = scores;
            Layout layout = Layout.Contiguous(_query.Batch, _query.Heads, _query.Length, _key.Length);
            ScaledDotProductAttention.Scores(query, key, mask, modifier, terms, default, stage, [], [], layout.Write(scores), options);
        }
    }

    private static Layout View(ConformanceTensor tensor) =>
        Layout.Contiguous(Array.ConvertAll(tensor.Shape, length => (nint)length));
}
