namespace Attention.TestKit;

public sealed partial class PlainTensor
{
    /// <summary>The same numbers in another shape.</summary>
    public PlainTensor Reshape(params nint[] lengths) => With(Values, lengths);

    /// <summary>Two axes exchanged.</summary>
    public PlainTensor Transpose(int first, int second)
    {
        nint[] lengths = [.. Lengths];
        (lengths[first], lengths[second]) = (lengths[second], lengths[first]);
        return Pick(lengths, index => (index[first], index[second]) = (index[second], index[first]));
    }

    /// <summary>A part of one axis.</summary>
    public PlainTensor Slice(int axis, nint start, nint length)
    {
        nint[] lengths = [.. Lengths];
        lengths[axis] = length;
        return Pick(lengths, index => index[axis] += start);
    }

    /// <summary>Tensors one behind the other along an axis.</summary>
    public static PlainTensor Concatenate(int axis, params PlainTensor[] parts)
    {
        nint[] lengths = [.. parts[0].Lengths];
        lengths[axis] = 0;
        foreach (PlainTensor part in parts)
        {
            lengths[axis] += part.Lengths[axis];
        }

        List<double> values = [];
        int outer = Count(lengths.AsSpan(0, axis));
        for (int i = 0; i < outer; i++)
        {
            foreach (PlainTensor part in parts)
            {
                int run = Count(part.Lengths.AsSpan(axis));
                values.AddRange(part.Values.AsSpan(i * run, run));
            }
        }

        return parts[0].With([.. values], lengths);
    }

    /// <summary>
    /// The tensor of the given shape whose element at an index is the one here at the index that <paramref name="move"/> makes of it.
    /// </summary>
    private PlainTensor Pick(nint[] lengths, Action<nint[]> move)
    {
        double[] values = new double[Count(lengths)];
        nint[] index = new nint[lengths.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int rest = i;
            for (int axis = lengths.Length - 1; axis >= 0; axis--)
            {
                index[axis] = rest % (int)lengths[axis];
                rest /= (int)lengths[axis];
            }

            move(index);
            nint place = 0;
            for (int axis = 0; axis < Lengths.Length; axis++)
            {
                place = place * Lengths[axis] + index[axis];
            }

            values[i] = Values[place];
        }

        return With(values, lengths);
    }
}
