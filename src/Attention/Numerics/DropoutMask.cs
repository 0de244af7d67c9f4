namespace Attention.Numerics;

internal static unsafe class DropoutMask
{
    internal static void FillKeep(ulong seed, int batch, int head, int query, int firstKey, int count, float dropout, float* destination)
    {
        float kept = dropout >= 1 ? 0 : 1 / (1 - dropout);
        for (int i = 0; i < count; i++)
        {
            int key = firstKey + i;
            uint c0 = (uint)key / 4, c1 = (uint)query, c2 = (uint)head, c3 = (uint)batch, k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (int round = 0; round < 10; round++)
            {
                ulong p0 = 0xD2511F53UL * c0;
                ulong p1 = 0xCD9E8D57UL * c2;
                (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
                k0 += 0x9E3779B9;
                k1 += 0xBB67AE85;
            }

            uint bits = (key & 3) switch { 0 => c0, 1 => c1, 2 => c2, _ => c3 };
            destination[i] = (bits >> 8) * (1f / (1 << 24)) < dropout ? 0 : kept;
        }
    }
}
