using System.Numerics;
using Attention.Autodiff;
using Attention.Backends;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class MultiHeadAttention
{
    /// <summary>The deviation of the first biases of Transformer-XL, that of its authors' code.</summary>
    private const float BiasDeviation = 0.02f;

    private Parameter? _relativeKey;
    private Parameter? _relativeValue;
    private Linear? _relativeProjection;
    private Parameter? _contentBias;
    private Parameter? _positionBias;

    private readonly Lock _distanceLock = new();

    /// <summary>Sinusoids of all distances shorter than <see cref="_longest"/>.</summary>
    private DeviceTensor? _distances;
    private int _longest;

    private void AddRelativePositions()
    {
        int heads = _options.Heads;
        ulong seed = Initial.Seed(_options.Seed, 5);
        switch (_options.RelativePositions)
        {
            case RelativePositions.Clipped:
                int rows = 2 * _options.MaxRelativeDistance + 1;
                _relativeKey = AddParameter("relative_key", Initial.Glorot(Initial.Seed(seed, 0), rows, _headSize), rows, _headSize);
                _relativeValue = AddParameter("relative_value", Initial.Glorot(Initial.Seed(seed, 1), rows, _headSize), rows, _headSize);
                break;
            case RelativePositions.TransformerXl:
                _relativeProjection = AddLayer(
                    "relative_proj", new Linear(_options.ModelSize, heads * _headSize, false, Initial.Seed(seed, 2), Backend));
                _contentBias = AddParameter(
                    "content_bias", Initial.Normal(Initial.Seed(seed, 3), heads * _headSize, BiasDeviation), heads, _headSize);
                _positionBias = AddParameter(
                    "position_bias", Initial.Normal(Initial.Seed(seed, 4), heads * _headSize, BiasDeviation), heads, _headSize);
                break;
            case RelativePositions.None:
            default:
                break;
        }
    }

    private Variable Attend<TMask, TModifier>(in HeadProjection heads, in TMask mask, in TModifier modifier, Variable? bias)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        var options = new AttentionOptions { Scale = _options.Scale, Dropout = _options.Dropout };
        int queries = (int)heads.Query.Data.Lengths[2];
        int keys = (int)heads.Key.Data.Lengths[2];
        switch (_options.RelativePositions)
        {
            case RelativePositions.Clipped:
                return Differentiable.RelativeAttention(
                    heads.Query, heads.Key, heads.Value, _relativeKey, _relativeValue, mask, keys - queries, options);
            case RelativePositions.TransformerXl when queries > 0 && keys > 0:
                using (Variable relative = RelativeKeys(queries, keys, heads.Query.Tape))
                {
                    return Differentiable.TransformerXlAttention(
                        heads.Query, heads.Key, heads.Value, relative, _contentBias!, _positionBias!, mask, options);
                }

            default:
                return Differentiable.Attention(heads.Query, heads.Key, heads.Value, mask, modifier, bias, options: options);
        }
    }

    /// <summary>Projected sinusoids, <c>[heads, queryLength + keyLength - 1, headSize]</c>.</summary>
    private Variable RelativeKeys(int queries, int keys, Tape? tape)
    {
        DeviceTensor rows = Distances(queries, keys);
        using Variable sinusoids = tape is null ? Variable.Constant(rows) : tape.Constant(rows);
        using Variable projected = _relativeProjection!.Forward(sinusoids);
        using Variable apart = projected.Reshape(queries + keys - 1, _options.Heads, _headSize);
        return apart.Transpose(0, 1);
    }

    /// <summary>
    /// The sinusoids of the distances from <c>keys - 1</c> down to <c>1 - queries</c>: the last query stands beside the last key. A
    /// row depends on its distance alone, so that one table, made for the longest that was seen, has them all.
    /// </summary>
    private DeviceTensor Distances(int queries, int keys)
    {
        lock (_distanceLock)
        {
            int needed = Math.Max(queries, keys);
            if (needed > _longest)
            {
                int longest = checked((int)BitOperations.RoundUpToPowerOf2((uint)needed));
                DeviceTensor table = DeviceTensor.Create(
                    Backend, Sinusoids(longest, _options.ModelSize), 2 * (nint)longest - 1, _options.ModelSize);
                _distances?.Dispose();
                (_distances, _longest) = (table, longest);
            }

            return _distances!.Slice(0, _longest - keys, queries + keys - 1);
        }
    }

    /// <summary>Sines, then cosines, of the distances from <c>longest - 1</c> down to <c>1 - longest</c> (Dai et al. 2019, appendix B, and its code).</summary>
    private static float[] Sinusoids(int longest, int size)
    {
        float[] rows = new float[Initial.Count((2 * longest) - 1, size)];
        int half = (size + 1) / 2;
        for (int i = 0; i < rows.Length; i++)
        {
            int channel = i % size;
            int distance = longest - 1 - i / size;
            double angle = distance / Math.Pow(10000, 2.0 * (channel % half) / size);
            rows[i] = (float)(channel < half ? Math.Sin(angle) : Math.Cos(angle));
        }

        return rows;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _distances?.Dispose();
        }

        base.Dispose(disposing);
    }

    private void CheckRelative<TModifier>(in TModifier modifier, Variable? bias)
        where TModifier : struct, IScoreModifier
    {
        if (_options.RelativePositions == RelativePositions.None)
        {
            return;
        }

        if (bias is not null)
        {
            throw new ArgumentException($"A layer with {_options.RelativePositions} positions takes no '{nameof(bias)}'.", nameof(bias));
        }

        if (modifier is not NoModifier)
        {
            throw new ArgumentException($"A layer with {_options.RelativePositions} positions takes no '{nameof(modifier)}'.", nameof(modifier));
        }
    }

    private void RequireNoRelativePositions(string what)
    {
        if (_options.RelativePositions != RelativePositions.None)
        {
            throw new NotSupportedException($"A layer with {_options.RelativePositions} positions has no {what}.");
        }
    }

    private static void CheckRelative(MultiHeadAttentionOptions options)
    {
        Initial.CheckDefined(options.RelativePositions, nameof(options));
        if (options.RelativePositions == RelativePositions.None)
        {
            return;
        }

        if (options.Rotary is not null)
        {
            throw new ArgumentException($"'{nameof(options)}' has {options.RelativePositions} positions and rotary ones; expected one of them.", nameof(options));
        }

        if (options.MaxRelativeDistance < 0)
        {
            throw new ArgumentException(
                $"'{nameof(options)}' has a largest distance of {options.MaxRelativeDistance}; expected 0 or more.", nameof(options));
        }
    }
}
