using Attention.Caching;

namespace Attention.TestKit;

/// <summary>What a cache makes of numbers, written as the definition of each storage.</summary>
public static class StoredNumbers
{
    /// <summary>The problem as stored, exactly.</summary>
    public static AttentionProblem<double> Of(AttentionProblem<float> problem, KvStorage storage) => problem.To<double>() with
    {
        Key = Of(problem.Key, problem.Shape.HeadSize, storage),
        Value = Of(problem.Value, problem.Shape.ValueSize, storage),
    };

    public static double[] Of(float[] numbers, int rowSize, KvStorage storage)
    {
        double[] stored = new double[numbers.Length];
        for (int row = 0; row < numbers.Length; row += rowSize)
        {
            float largest = 0;
            for (int i = row; i < row + rowSize; i++)
            {
                largest = Math.Max(largest, Math.Abs(numbers[i]));
            }

            float scale = largest / 127;
            for (int i = row; i < row + rowSize; i++)
            {
                stored[i] = storage switch
                {
                    KvStorage.Float32 => numbers[i],
                    KvStorage.BFloat16 => RoundToBFloat16(numbers[i]),
                    _ => scale == 0 ? 0 : (double)scale * MathF.Round(numbers[i] / scale),
                };
            }
        }

        return stored;
    }

    /// <summary>The nearest number of eight bits of mantissa; ties go to the even one.</summary>
    private static double RoundToBFloat16(float number)
    {
        double unit = Math.Pow(2, Math.ILogB(number) - 7);
        return number == 0 ? 0 : Math.Round(number / unit, MidpointRounding.ToEven) * unit;
    }
}
