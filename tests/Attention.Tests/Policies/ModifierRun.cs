using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Policies;

/// <summary>Applies a modifier to a row of scores, vector by vector as a kernel does; keys count from 0.</summary>
internal sealed unsafe class ModifierRun<TModifier>(TModifier modifier, float[] scores, int batch, int head, int query) : IWidthAction
    where TModifier : struct, IScoreModifier
{
    public float[] Results { get; } = new float[scores.Length];

    public float[] Derivatives { get; } = new float[scores.Length];

    public static ModifierRun<TModifier> At(SimdWidth width, TModifier modifier, float[] scores, int batch = 0, int head = 0, int query = 0)
    {
        ModifierRun<TModifier> run = new(modifier, scores, batch, head, query);
        Widths.Run(width, run);
        return run;
    }

    public void Invoke<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* buffer = stackalloc float[TSimd.Count];
        for (int key = 0; key < scores.Length; key += TSimd.Count)
        {
            Span<float> lanes = new(buffer, TSimd.Count);
            int count = Math.Min(TSimd.Count, scores.Length - key);
            lanes.Fill(float.NaN);
            scores.AsSpan(key, count).CopyTo(lanes);
            TVector score = TSimd.Load(buffer);
            TSimd.Store(modifier.Apply<TSimd, TVector>(score, batch, head, query, key), buffer);
            lanes[..count].CopyTo(Results.AsSpan(key));
            TSimd.Store(modifier.Derivative<TSimd, TVector>(score, batch, head, query, key), buffer);
            lanes[..count].CopyTo(Derivatives.AsSpan(key));
        }
    }
}
