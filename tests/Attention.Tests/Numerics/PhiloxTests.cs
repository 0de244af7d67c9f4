using System.Globalization;
using Attention.Numerics;

namespace Attention.Tests.Numerics;

public class PhiloxTests
{
    /// <summary>The known answers for philox4x32 of 10 rounds that the authors publish with Random123.</summary>
    [Theory]
    [InlineData("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [InlineData("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [InlineData("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void Known_answers(string counter, string key, string answer)
    {
        uint[] words = Words(counter);
        uint[] keys = Words(key);
        Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], keys[0] | (ulong)keys[1] << 32);
        words.Should().Equal(Words(answer));
    }

    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0ul)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0_a4093822ul)]
    [InlineData(0xfffffffeu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffff_fffffffful)]
    public void A_block_is_four_counters_in_order(uint counter0, uint counter1, uint counter2, uint counter3, ulong key)
    {
        PhiloxBlock block = PhiloxBlock.Generate(counter0, counter1, counter2, counter3, key);
        uint[] words = new uint[PhiloxBlock.Count];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = i < 8 ? block.Lower[i] : block.Upper[i - 8];
        }

        for (uint i = 0; i < 4; i++)
        {
            uint[] expected = [counter0 + i, counter1, counter2, counter3];
            Philox.Generate(ref expected[0], ref expected[1], ref expected[2], ref expected[3], key);
            words[(int)(4 * i)..(int)(4 * i + 4)].Should().Equal(expected);
        }
    }

    private static uint[] Words(string hexadecimal) =>
        [.. hexadecimal.Split(' ').Select(word => uint.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
}
